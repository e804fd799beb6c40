/**
 * The same work by werift alone: plain RTP in, `sendRtp` to as many peer connections. A child of `sfu.ts`. Its
 * input is not protected, which spares it the cost of the receiving side.
 */
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
    senders.push(sender);
  }
  tell({ type: 'connected' });
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
