/**
 * The same work by werift alone: plain RTP in, `sendRtp` to as many peer connections. A child of `sfu.ts`. Its
 * input is not protected, which spares it the cost of the receiving side, and it gets its keys as key objects.
 */
import { createSecretKey, type KeyObject } from 'node:crypto';
import { createSocket } from 'node:dgram';
import {
  MediaStreamTrack,
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RtpPacket,
  type RTCRtpSender,
} from 'werift';
import {
  PAYLOAD_TYPE,
  SERVER_RECEIVE_BYTES,
  STUN_ADDRESS,
  STUN_PORT,
  tell,
  VIEWERS,
  type Command,
} from './sfu-protocol.ts';

/** The profile's number (RFC 7714 section 14.2). */
const AEAD_AES_128_GCM = 7;

const codec = new RTCRtpCodecParameters({
  mimeType: 'video/H264',
  clockRate: 90_000,
  payloadType: PAYLOAD_TYPE,
  parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
});
const senders: RTCRtpSender[] = [];
const connections = new Map<number, RTCPeerConnection>();
let packets = 0;
let published = 0;

const socket = createSocket({ type: 'udp4', recvBufferSize: SERVER_RECEIVE_BYTES });
socket.on('message', (datagram) => {
  published += 1;
  const packet = RtpPacket.deSerialize(datagram);
  for (const sender of senders) {
    packets += 1;
    void sender.sendRtp(packet);
  }
});
socket.bind(0, '127.0.12.200', () => {
  tell({ type: 'ready', port: socket.address().port });
  void connectAll();
});

async function connectAll(): Promise<void> {
  for (let viewer = 0; viewer < VIEWERS; viewer += 1) {
    const connection = new RTCPeerConnection({
      codecs: { video: [codec] },
      // Never empty: werift would look up a public STUN server.
      iceServers: [{ urls: `stun:${STUN_ADDRESS}:${STUN_PORT}` }],
      iceAdditionalHostAddresses: ['127.0.12.200'],
      iceUseIpv6: false,
    });
    connections.set(viewer, connection);
    const track = new MediaStreamTrack({ kind: 'video' });
    const { sender } = connection.addTransceiver(track, { direction: 'sendonly' });
    const connected = new Promise<void>((resolve) => {
      connection.connectionStateChange.subscribe((state) => {
        if (state === 'connected') resolve();
      });
    });
    await connection.setLocalDescription(await connection.createOffer());
    tell({ type: 'offer', viewer, sdp: connection.localDescription!.sdp });
    await connected;
    cacheKeys(sender);
    senders.push(sender);
  }
  tell({ type: 'connected' });
}

/**
 * Node 24 converts a raw key on every `createCipheriv`, which halves werift's speed. Not to measure that, each
 * association gets its session keys as key objects. @throws Error when the profile is not the one of the benchmark.
 */
function cacheKeys(sender: RTCRtpSender): void {
  const { srtp } = sender.dtlsTransport;
  if (srtp.config.profile !== AEAD_AES_128_GCM) throw new Error('werift did not agree on AEAD_AES_128_GCM');
  const cipher: { srtpSessionKey: Buffer | KeyObject; srtcpSessionKey: Buffer | KeyObject } =
    srtp.localContext.cipher;
  cipher.srtpSessionKey = createSecretKey(srtp.localContext.srtpSessionKey);
  cipher.srtcpSessionKey = createSecretKey(srtp.localContext.srtcpSessionKey);
}

process.on('message', (command: Command) => {
  if (command.type === 'mark') tell({ type: 'mark', packets, published, broken: 0 });
  if (command.type === 'answer') {
    void connections.get(command.viewer)?.setRemoteDescription({ type: 'answer', sdp: command.sdp });
  }
});
process.on('disconnect', () => {
  process.exit(0);
});
