/**
 * Publisher and sink of the SFU benchmark: sends a 720p-like stream and counts what arrives at the viewers.
 * A child of `sfu.ts`. Core viewers are plain sockets whose packets are opened now and then; werift viewers
 * connect for real and then only count.
 */
import { createSocket } from 'node:dgram';
import { RTCPeerConnection, RTCRtpCodecParameters } from 'werift';
import { SrtpReceiver, SrtpSender } from '../../daemon/sfu/media/core/srtp-context.ts';
import {
  benchKeys,
  PAYLOAD_BYTES,
  PAYLOAD_TYPE,
  PROFILE,
  PUBLISHER_SSRC,
  STUN_ADDRESS,
  STUN_PORT,
  tell,
  viewerAddress,
  VIEWER_PORT,
  VIEWERS,
  type Command,
} from './sfu-protocol.ts';
import { viewerEngine } from './viewer-engine.ts';

const FRAMES_PER_KEY_FRAME = 60;
const KEY_FRAME_PACKETS = 48;
const FRAME_PACKETS = 9;
const FRAME_MS = 1000 / 30;
/** Every n-th packet of a viewer is opened. */
const CHECK_EVERY = 50;
/** RFC 5764 section 4.1.2 and RFC 7714: a number of DTLS. */
const AEAD_AES_128_GCM = 7;
/** Where a payload says when it left: a double, after its fragmentation header and slice. */
const SENT_AT = 4;
const SPS = Buffer.from('6742c01fd9005005bb0110000003001000000303c0f1832480', 'hex');
const PPS = Buffer.from('68cb83cb20', 'hex');

let received = 0;
let broken = 0;
let published = 0;
let delaysMs: number[] = [];

const isMedia = (first: number, second: number, length: number): boolean =>
  length > 12 && first >> 6 === 2 && (second < 192 || second > 223);

async function listen(): Promise<void> {
  const engine = viewerEngine();
  for (let at = 0; at < VIEWERS; at += 1) {
    const receiver = new SrtpReceiver(PROFILE, benchKeys(at + 1).client.remote);
    // The viewers look at different packets: all at the same ones would be few moments, and a jam at each.
    let count = at;
    await engine.open({
      address: viewerAddress(at),
      port: VIEWER_PORT,
      onDatagram: ({ bytes, start, end }) => {
        if (!isMedia(bytes[start] ?? 0, bytes[start + 1] ?? 0, end - start)) return;
        received += 1;
        count += 1;
        if (count % CHECK_EVERY === 0) check(receiver, Buffer.from(bytes.subarray(start, end)));
      },
      onFailure: () => undefined,
      onError: (error) => {
        throw error;
      },
    });
  }
}

function check(receiver: SrtpReceiver, datagram: Buffer): void {
  // Twelve bytes and eight of MID.
  const opened = receiver.unprotectRtp(datagram, 20, datagram.readUInt32BE(8), datagram.readUInt16BE(2));
  if (typeof opened === 'string') broken += 1;
  else if (opened.length === PAYLOAD_BYTES) {
    delaysMs.push(performance.now() - opened.readDoubleLE(SENT_AT));
  }
}

/** Counts after the handshake what werift's receiver would have decrypted. */
async function answer(viewer: number, sdp: string): Promise<void> {
  const connection = new RTCPeerConnection({
    codecs: {
      video: [
        new RTCRtpCodecParameters({ mimeType: 'video/H264', clockRate: 90_000, payloadType: PAYLOAD_TYPE }),
      ],
    },
    iceServers: [{ urls: `stun:${STUN_ADDRESS}:${STUN_PORT}` }],
    iceAdditionalHostAddresses: ['127.0.12.200'],
    iceUseIpv6: false,
  });
  connection.connectionStateChange.subscribe((state) => {
    if (state !== 'connected') return;
    for (const { iceTransport, srtp } of connection.dtlsTransports) {
      if (srtp.config.profile !== AEAD_AES_128_GCM) throw new Error('the server chose another SRTP profile');
      iceTransport.connection.onData.allUnsubscribe();
      iceTransport.connection.onData.subscribe((datagram: Buffer) => {
        if (isMedia(datagram[0] ?? 0, datagram[1] ?? 0, datagram.length)) received += 1;
      });
    }
  });
  await connection.setRemoteDescription({ type: 'offer', sdp });
  await connection.setLocalDescription(await connection.createAnswer());
  tell({ type: 'answer', viewer, sdp: connection.localDescription!.sdp });
}

/** Binding responses (RFC 8489) for werift, which gathers at its own pace without them. */
async function answerBindings(): Promise<void> {
  const socket = createSocket('udp4');
  socket.on('message', (request, from) => {
    if (request.length < 20 || request.readUInt16BE(0) !== 1) return;
    const out = Buffer.alloc(32);
    out.writeUInt16BE(0x0101, 0);
    out.writeUInt16BE(12, 2);
    request.copy(out, 4, 4, 20);
    out.writeUInt32BE(0x00200008, 20);
    out.writeUInt16BE(1, 24);
    out.writeUInt16BE(from.port ^ 0x2112, 26);
    from.address
      .split('.')
      .forEach((part, at) => out.writeUInt8(Number(part) ^ out.readUInt8(4 + at), 28 + at));
    socket.send(out, from.port, from.address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(STUN_PORT, STUN_ADDRESS, resolve);
  });
}

let running: NodeJS.Timeout | undefined;

function publish(port: number, isProtected: boolean): void {
  const socket = createSocket('udp4');
  const sender = new SrtpSender(PROFILE, benchKeys(0).client.local);
  /** Protected when they leave: they say when. */
  const queue: (() => Buffer)[] = [];
  let index = 1;
  let frame = 0;
  let nextFrameMs = performance.now();
  const push = (payload: Buffer, marker: boolean): void => {
    const out = Buffer.alloc(1400);
    out.writeUInt8(0x80, 0);
    out.writeUInt8(PAYLOAD_TYPE | (marker ? 0x80 : 0), 1);
    out.writeUInt16BE(index & 0xffff, 2);
    out.writeUInt32BE((frame * 3000) >>> 0, 4);
    out.writeUInt32BE(PUBLISHER_SSRC, 8);
    const at = index;
    queue.push(() => {
      if (payload.length === PAYLOAD_BYTES) payload.writeDoubleLE(performance.now(), SENT_AT);
      if (isProtected) {
        const bytes = sender.protectRtp(out, out.subarray(0, 12), payload, PUBLISHER_SSRC, at);
        return out.subarray(0, bytes);
      }
      payload.copy(out, 12);
      return out.subarray(0, 12 + payload.length);
    });
    index += 1;
  };
  running = setInterval(() => {
    if (performance.now() >= nextFrameMs) {
      nextFrameMs += FRAME_MS;
      const isKey = frame % FRAMES_PER_KEY_FRAME === 0;
      const count = isKey ? KEY_FRAME_PACKETS : FRAME_PACKETS;
      if (isKey) push(SPS, false);
      if (isKey) push(PPS, false);
      for (let at = 0; at < count; at += 1) {
        const payload = Buffer.alloc(PAYLOAD_BYTES, at);
        payload.writeUInt8(0x7c, 0);
        payload.writeUInt8((at === 0 ? 0x80 : at === count - 1 ? 0x40 : 0) | (isKey ? 5 : 1), 1);
        push(payload, at === count - 1);
      }
      frame += 1;
    }
    // Senders pace: a frame leaves within its time.
    for (let burst = 0; burst < 2 && queue.length > 0; burst += 1) {
      published += 1;
      socket.send(queue.shift()!(), port, '127.0.12.200');
    }
  }, 1);
}

process.on('message', (command: Command) => {
  switch (command.type) {
    case 'mark':
      tell({ type: 'mark', packets: received, published, broken, delaysMs });
      delaysMs = [];
      break;
    case 'publish':
      publish(command.port, command.isProtected);
      break;
    case 'stop':
      clearInterval(running);
      break;
    case 'offer':
      void answer(command.viewer, command.sdp);
      break;
    case 'answer':
      break;
  }
});
process.on('disconnect', () => {
  process.exit(0);
});
await listen();
await answerBindings();
tell({ type: 'ready', port: 0 });
