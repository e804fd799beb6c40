/** The socket under a control channel: frames in, frames out, and nothing kept for a peer that does not read. */
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../../kit/clock.ts';
import { decodeMessage, encodeFrame, type FrameReader } from '../protocol/framing.ts';
import type { BodyOf, Message } from '../protocol/messages.ts';
import { ControlChannel, type ControlAuthority } from './control-channel.ts';
import { LIMITS } from './limits.ts';

/** Runs a control channel on a connection until either ends. */
export function serveControl(options: {
  socket: TLSSocket;
  request: BodyOf<'OpenControlChannelReq'>;
  frames: FrameReader;
  authority: ControlAuthority;
  clock: Clock;
}): ControlChannel {
  const { socket, frames } = options;
  const channel = new ControlChannel({
    link: {
      send: (message: Message) => {
        if (socket.writable) socket.write(encodeFrame(message));
        if (socket.writableLength > LIMITS.maxUnreadBytes) socket.destroy();
      },
      end: () => socket.end(),
      destroy: () => socket.destroy(),
    },
    authority: options.authority,
    clock: options.clock,
  });
  const receiveAll = (): void => {
    for (let frame = frames.next(); frame !== undefined; frame = frames.next()) {
      if (frame === 'too-long') {
        channel.fail('a frame above 65535 bytes');
        return;
      }
      const decoded = decodeMessage(frame);
      if (!decoded.ok) {
        channel.fail(`an unreadable frame: ${decoded.reason}`);
        return;
      }
      channel.receive(decoded.message);
      if (socket.destroyed) return;
    }
  };
  socket.setKeepAlive(true, LIMITS.keepAliveAfterMs);
  socket.on('close', () => {
    channel.fail('connection lost');
  });
  socket.on('data', (chunk: Buffer) => {
    frames.push(chunk);
    receiveAll();
  });
  channel.open(options.request);
  receiveAll();
  return channel;
}
