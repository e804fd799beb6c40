/** What the front of several SFU workers needs of their processes. */
import type { sfuControlEvents, sfuControlMethods } from '../../contract/control.ts';
import type { z } from 'zod';

type Methods = typeof sfuControlMethods;
type Events = typeof sfuControlEvents;

export type SfuEvent = { [Name in keyof Events]: { name: Name; data: z.output<Events[Name]> } }[keyof Events];

/** Calls a worker's control methods. Rejects with its AppError, or an AdapterError when it does not answer. */
export interface WorkerControl {
  call<Name extends keyof Methods>(
    method: Name,
    params: z.input<Methods[Name]['params']>,
    options?: { timeoutMs?: number },
  ): Promise<z.output<Methods[Name]['result']>>;
}

/** One worker process, started again when it ends. */
export interface WorkerProcess {
  readonly index: number;
  readonly pid: number | null;
  readonly restarts: number;
  /** Undefined while it is not there. */
  readonly control: WorkerControl | undefined;
  readonly signalingSocket: string;
}
