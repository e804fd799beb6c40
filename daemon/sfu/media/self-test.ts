/**
 * The start-up check of the seam: two transports in memory connect over ICE and DTLS, agree on keys and
 * pass one datagram each way. A library update that moves what werift-transport.ts reaches into ends here,
 * with a sentence, and not in a black picture.
 */
import { systemClock } from '../../kit/clock.ts';
import { DropCounter } from '../../kit/drop-counter.ts';
import { messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type { SrtpKeys } from './core/types.ts';
import { MediaDemux, type MuxDrop, type MuxEndpoint } from './media-demux.ts';
import type { MediaPort } from './media-port.ts';
import { RelaySet } from './relay-set.ts';
import type { SecureTransport } from './secure-transport.ts';
import { WeriftTransportFactory } from './werift-transport.ts';

const TIME_LIMIT_MS = 15_000;
const ADDRESS = '127.0.0.1';

/** One end of a cable without a socket. */
class MemoryPort implements MediaPort {
  readonly address = ADDRESS;
  readonly family = 4;
  readonly port: number;
  readonly demux: MediaDemux;
  peer: MemoryPort | undefined;

  constructor(port: number) {
    this.port = port;
    this.demux = new MediaDemux({
      relays: new RelaySet([{ address: ADDRESS, minPort: 1, maxPort: 65535 }]),
      probePassword: 'self-test',
      drops: new DropCounter<MuxDrop>(),
      reply: (datagram) => {
        this.send(datagram);
      },
    });
  }

  send(datagram: Buffer): void {
    const copy = Buffer.from(datagram);
    setImmediate(() => this.peer?.demux.receive(copy, ADDRESS, this.port));
  }

  sendControl(endpoint: MuxEndpoint, datagram: Buffer): void {
    this.demux.noteOutgoingStun(endpoint, datagram);
    this.send(datagram);
  }
}

type Side = { transport: SecureTransport; keys: Promise<SrtpKeys>; media: Promise<Buffer> };

/** Rejects with one sentence when ICE, DTLS or the key export do not work with the installed library. */
export async function runTransportSelfTest(log: Logger): Promise<void> {
  const ports = [new MemoryPort(4001), new MemoryPort(4002)] as const;
  ports[0].peer = ports[1];
  ports[1].peer = ports[0];
  const sides: Side[] = [];
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      new Promise<never>((_resolve, reject) => {
        timer = setTimeout(reject, TIME_LIMIT_MS, new Error('it did not connect in time'));
      }),
      exchange(ports, sides, log),
    ]);
  } catch (error) {
    throw new Error(
      `The WebRTC engine failed its start-up check: ${messageOf(error).replace(/\.+$/, '')}. The installed werift does not fit this release.`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    for (const side of sides) side.transport.close();
  }
}

async function exchange(ports: readonly [MemoryPort, MemoryPort], sides: Side[], log: Logger): Promise<void> {
  for (const [index, port] of ports.entries()) {
    const factory = await WeriftTransportFactory.open({ mux: port, clock: systemClock, log });
    sides.push(await openSide(factory, index === 0));
  }
  const [server, client] = sides;
  if (server === undefined || client === undefined) throw new Error('no transports');
  introduce(server.transport, client.transport);
  introduce(client.transport, server.transport);
  const [ours, theirs] = await Promise.all([server.keys, client.keys]);
  if (ours.profile !== 'AEAD_AES_128_GCM' || theirs.profile !== ours.profile) {
    throw new Error(`the SRTP profile is ${ours.profile}`);
  }
  if (!ours.local.key.equals(theirs.remote.key) || !ours.remote.salt.equals(theirs.local.salt)) {
    throw new Error('the two sides have different SRTP keys');
  }
  const packet = Buffer.from('8060000100000001000000010a', 'hex');
  server.transport.send(packet);
  client.transport.send(packet);
  for (const received of await Promise.all([server.media, client.media])) {
    if (!received.equals(packet)) throw new Error('a media packet was changed');
  }
}

async function openSide(factory: WeriftTransportFactory, offerer: boolean): Promise<Side> {
  const keys = Promise.withResolvers<SrtpKeys>();
  const media = Promise.withResolvers<Buffer>();
  // Both reject when one side ends early; whoever waits sees it, nobody else has to.
  keys.promise.catch(() => undefined);
  media.promise.catch(() => undefined);
  const transport = await factory.create({
    controlling: offerer,
    dtlsRole: offerer ? 'server' : 'client',
    events: {
      connected: keys.resolve,
      media: (datagram) => {
        media.resolve(Buffer.from(datagram));
      },
      closed: (reason) => {
        keys.reject(new Error(reason));
        media.reject(new Error(reason));
      },
    },
  });
  return { transport, keys: keys.promise, media: media.promise };
}

function introduce(to: SecureTransport, from: SecureTransport): void {
  const { local } = from;
  to.setRemote({ ufrag: local.ufrag, password: local.password, fingerprints: [local.fingerprint] });
  for (const candidate of local.candidates) to.addCandidate(candidate);
}
