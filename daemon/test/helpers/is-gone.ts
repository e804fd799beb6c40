import { identify } from '../../system/process-table.ts';

/** Its zombie may still be there: until its parent has time for it. */
export const isGone = async (pid: number): Promise<boolean> => (await identify(pid)) === undefined;
