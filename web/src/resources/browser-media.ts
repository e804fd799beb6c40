/** The browser's half of the media client: peer connections, streams, codecs, sockets, tickets. */
import type { MediaEnvironment } from '../../client/namespace-viewer.ts';
import { RefusedError, type SignalingSocket } from '../../client/signaling-session.ts';
import { ApiError, type Api } from './api.ts';

export function browserMedia(): MediaEnvironment {
  let playable: Set<string> | undefined;
  return {
    createConnection: (configuration) => new RTCPeerConnection(configuration),
    createStream: () => new MediaStream(),
    canPlay(mimeType) {
      playable ??= new Set(
        RTCRtpReceiver.getCapabilities('video')?.codecs.map((codec) => codec.mimeType.toLowerCase()),
      );
      return playable.has(mimeType.toLowerCase());
    },
  };
}

export function openSignalingSocket(url: string, ticket: string): SignalingSocket {
  return new WebSocket(`${url}?ticket=${encodeURIComponent(ticket)}`);
}

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
