/** How a session speaks to its client: frames, and errors as frames. */
import { AppError } from '../../contract/errors.ts';
import type { ServerFrame } from '../../contract/signaling.ts';
import { messageOf } from '../../kit/errors.ts';
import { SdpError } from '../media/sdp/parse-sdp.ts';

/** What an error is about, for its frame. */
export type FailureContext = { requestId?: string | undefined; roomId?: string | undefined };

/** The client's side of a session, for its parts. */
export interface SessionVoice {
  send(frame: ServerFrame): void;
  /** Tells an error; one that is not meant for clients is logged. */
  fail(error: unknown, context: FailureContext): void;
}

/** A connection of the session ended by itself. */
export function connectionGone(connection: 'subscribe' | 'publish', reason: string): ServerFrame {
  const message = `The ${connection} connection ended. ${reason}`;
  return { type: 'error', code: 'unavailable', message, connection };
}

/** The frame that tells an error. `onFault` gets what is a fault of ours. */
export function errorFrame(
  error: unknown,
  context: FailureContext,
  onFault: (error: unknown) => void,
): ServerFrame {
  const { roomId } = context;
  const where = { ...echo(context.requestId), ...(roomId !== undefined && { roomId }) };
  if (error instanceof AppError) {
    return { type: 'error', code: error.code, message: error.message, ...where };
  }
  if (error instanceof SdpError) {
    return { type: 'error', code: 'negotiation_failed', message: error.message, ...where };
  }
  onFault(error);
  const message = `The request could not be carried out: ${messageOf(error)}`.slice(0, 300);
  return { type: 'error', code: 'internal', message, ...where };
}

export function echo(requestId: string | undefined): { requestId?: string } {
  return requestId === undefined ? {} : { requestId };
}
