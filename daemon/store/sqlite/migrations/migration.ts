/** One step of the schema. Steps are never edited once released: a change is a new step. */
export type Migration = { version: number; title: string; sql: string };
