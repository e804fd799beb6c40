/**
 * Error words without a domain. Refusals that a caller sees are `AppError` in `contract/errors.ts`.
 */

/** A method was called in a state that does not allow it (closed, not started): a bug of the caller. */
export class InvalidStateError extends Error {
  override readonly name = 'InvalidStateError';
}

/** A step outside this process failed: a command, a socket, a file. `target` names what was acted on. */
export class AdapterError extends Error {
  override readonly name = 'AdapterError';
  readonly operation: string;
  readonly target: string;
  readonly retryable: boolean;

  constructor(
    message: string,
    options: { operation: string; target: string; retryable?: boolean; cause?: unknown },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.operation = options.operation;
    this.target = options.target;
    this.retryable = options.retryable ?? false;
  }
}

/** True when `error` is a Node system error with this `code`, for example `EADDRINUSE`. */
export function isErrno(error: unknown, code: string): error is NodeJS.ErrnoException {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Ends an exhaustive switch; reaching it is a bug. */
export function assertNever(value: never): never {
  throw new Error(`Unexpected value: ${JSON.stringify(value)}`);
}
