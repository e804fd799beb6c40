/** The console's tickets for the media client. */
import { RefusedError } from '../../client/signaling-session.ts';
import { ApiError, type Api } from './api.ts';

/** A refusal keeps the server's words; a server that was not reached is no refusal. */
export async function ticketFrom(api: Api, namespace: string, signal: AbortSignal): Promise<string> {
  try {
    return await api.signalTicket(namespace, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0 || error.status >= 502) throw error;
    throw new RefusedError({
      code: error.code,
      message: error.message,
      retryAfterMs: error.retryAfterSeconds === null ? null : error.retryAfterSeconds * 1000,
    });
  }
}
