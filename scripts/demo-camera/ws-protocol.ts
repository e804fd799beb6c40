/** Producer protocol v1: JSON over a WebSocket on `/ws`. The socket's end is the session's end. */
import type { WebSocket } from 'ws';
import type { MediaSession } from './media-session.ts';

const PING_MS = 30_000;
const SILENCE_MS = 60_000;

type Frame = {
  type?: string;
  sdp?: string;
  candidate?: string;
  sdpMid?: string | null;
  sdpMLineIndex?: number | null;
};

/** `open` makes the media session; it fails when the platform gives no TURN credentials. */
export async function serveWebSocket(
  socket: WebSocket,
  options: { viewerId: string; open: (onClosed: () => void) => Promise<MediaSession> },
): Promise<void> {
  const send = (frame: object): void => {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(frame));
  };
  let session: MediaSession;
  try {
    session = await options.open(() => {
      socket.close(1000, 'session ended');
    });
  } catch (error) {
    send({ type: 'error', message: error instanceof Error ? error.message : String(error) });
    socket.close();
    return;
  }
  session.onCandidate((candidate) => {
    const { sdpMid, sdpMLineIndex } = candidate;
    if (candidate.candidate)
      send({ type: 'webrtc.candidate', candidate: candidate.candidate, sdpMid, sdpMLineIndex });
  });
  let lastPongMs = Date.now();
  const ping = setInterval(() => {
    if (Date.now() - lastPongMs > SILENCE_MS) socket.terminate();
    else socket.ping();
  }, PING_MS);
  socket.on('pong', () => (lastPongMs = Date.now()));
  socket.on('error', () => undefined);
  socket.on('close', () => {
    clearInterval(ping);
    void session.close();
  });
  if (socket.readyState !== socket.OPEN) {
    clearInterval(ping);
    await session.close();
    return;
  }
  send({ type: 'session.ready', viewerId: options.viewerId });
  socket.on('message', (text: Buffer) => {
    let frame: Frame;
    try {
      frame = JSON.parse(text.toString()) as Frame;
    } catch {
      socket.close(1007, 'not JSON');
      return;
    }
    receive(frame, session, send).catch((error: unknown) => {
      send({ type: 'error', message: error instanceof Error ? error.message : String(error) });
    });
  });
}

async function receive(frame: Frame, session: MediaSession, send: (frame: object) => void): Promise<void> {
  switch (frame.type) {
    case 'webrtc.offer':
    case 'offer':
      send({ type: 'webrtc.answer', sdp: await session.answer(frame.sdp ?? '', { complete: false }) });
      return;
    case 'webrtc.candidate':
    case 'candidate':
      if (!frame.candidate) throw new Error('candidate is required');
      await session.addCandidate({
        candidate: frame.candidate,
        sdpMid: frame.sdpMid ?? null,
        sdpMLineIndex: frame.sdpMLineIndex ?? null,
      });
      return;
    case 'ping':
      send({ type: 'pong' });
      return;
    default: // Unknown frames are ignored, as the field's producers do.
  }
}
