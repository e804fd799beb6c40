/** The media core with a real UDP socket and fixed keys: one publisher, many viewers. A child of `sfu.ts`. */
import { loadDatagramEngine } from '../../daemon/datagrams/load-engine.ts';
import { createMediaCore } from '../../daemon/sfu/media/core/media-core.ts';
import { nativeCiphers } from '../../daemon/sfu/media/native-cipher.ts';
import {
  benchKeys,
  PAYLOAD_TYPE,
  PUBLISHER_SSRC,
  tell,
  viewerAddress,
  VIEWER_PORT,
  VIEWERS,
  type Command,
} from './sfu-protocol.ts';

/** The wall clock with fractions, as the SFU's shell has it. */
const nowMs = (): number => performance.timeOrigin + performance.now();

let dropped = 0;
const socket = await loadDatagramEngine().engine.open({
  address: '127.0.12.200',
  port: 0,
  onDatagram: (datagram) => {
    publisher.receive(datagram.view(), nowMs());
    arm();
  },
  onFailure: (_reason, count) => {
    dropped += count;
  },
  onError: (error) => {
    throw error;
  },
});
const core = createMediaCore({
  createCipher: nativeCiphers(loadDatagramEngine().engine),
  events: {
    sourceFlowing: () => {},
    sourceStalled: () => {},
    sourceParameters: () => {},
    downlinkHeld: () => {},
  },
});
const publisher = core.addPeer({ id: 'publisher', keys: benchKeys(0).server, send: () => {} }, nowMs());
const source = publisher.addSource({
  trackId: 'camera',
  kind: 'video',
  codec: 'H264',
  clockRate: 90_000,
  payloadType: PAYLOAD_TYPE,
  rtxPayloadType: undefined,
  ssrc: PUBLISHER_SSRC,
  rtxSsrc: undefined,
  mid: '0',
  midExtensionId: undefined,
  transportCcExtensionId: undefined,
  audioLevelExtensionId: undefined,
  feedback: { nack: true, pli: true, transportCc: false },
});
for (let at = 0; at < VIEWERS; at += 1) {
  const address = viewerAddress(at);
  const viewer = core.addPeer(
    {
      id: `viewer-${at}`,
      keys: benchKeys(at + 1).server,
      send: (datagram) => {
        socket.sendCopy(datagram, VIEWER_PORT, address);
      },
      openOutlet: (keys) => {
        const flow = socket.seal(keys);
        flow?.aim(address, VIEWER_PORT);
        return flow;
      },
    },
    nowMs(),
  );
  viewer
    .addDownlink({
      kind: 'video',
      payloadType: PAYLOAD_TYPE,
      rtxPayloadType: PAYLOAD_TYPE + 1,
      ssrc: 1000 + at,
      rtxSsrc: 2000 + at,
      mid: '0',
      midExtensionId: 1,
      cname: 'bench',
      nack: true,
    })
    .setSource(source, nowMs());
}

let timer: NodeJS.Timeout | undefined;
let timerAtMs = Infinity;
function arm(): void {
  const nextMs = core.nextTickMs();
  if (nextMs === undefined || (timer !== undefined && timerAtMs <= nextMs)) return;
  clearTimeout(timer);
  timerAtMs = nextMs;
  timer = setTimeout(
    () => {
      timer = undefined;
      core.tick(nowMs());
      arm();
    },
    Math.max(0, nextMs - nowMs()),
  );
}

tell({ type: 'ready', port: socket.port });
process.on('message', (command: Command) => {
  if (command.type !== 'mark') return;
  tell({
    type: 'mark',
    packets: core.totals().packets,
    published: source.stats(nowMs()).packets,
    broken: dropped,
  });
});
process.on('disconnect', () => {
  process.exit(0);
});
