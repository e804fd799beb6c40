/**
 * One bound as status and metrics show it. Names are the keys of the configuration's `limits`, so the
 * set is fixed. `used` is undefined where there is not one number but one for each holder.
 */
export type LimitUse = { name: string; limit: number; used?: number | undefined; refused: number };
