/** What a browser provides to the client. */
import type { MediaEnvironment } from './media-session.ts';

export function browserMedia(): MediaEnvironment {
  let playable: Set<string> | undefined;
  return {
    createConnection: (configuration) => new RTCPeerConnection(configuration),
    canPlay(mimeType) {
      playable ??= new Set(
        RTCRtpReceiver.getCapabilities('video')?.codecs.map((codec) => codec.mimeType.toLowerCase()),
      );
      return playable.has(mimeType.toLowerCase());
    },
  };
}

/** @param url of `/v1/webrtc/signal`, with ws: or wss:. */
export function openSignalingSocket(url: string, ticket: string): WebSocket {
  return new WebSocket(`${url}?ticket=${encodeURIComponent(ticket)}`);
}
