/**
 * The start-up check of the seam: two transports in memory connect over ICE and DTLS, agree on keys and
 * pass datagrams and data messages each way, no record number twice. A library update that moves what werift-*.ts reach into ends here,
 * with a sentence, and not in a black picture.
 */
import { systemClock } from '../../kit/clock.ts';
import { messageOf } from '../../kit/errors.ts';
import type { Logger } from '../../kit/logger.ts';
import type { SrtpKeys } from './core/types.ts';
import { MemoryPort } from './memory-port.ts';
import type { SecureTransport } from './secure-transport.ts';
import { WeriftTransportFactory } from './werift-transport.ts';

const TIME_LIMIT_MS = 15_000;
/** RFC 8831 section 8: WebRTC Binary. */
const BINARY = 53;
/** More than the handshake has records: a number that started anew would come again. */
const MESSAGES = 12;

type Side = { transport: SecureTransport; keys: Promise<SrtpKeys>; media: Promise<Buffer> };

/** Rejects with one sentence when ICE, DTLS or the key export do not work with the installed library. */
export async function runTransportSelfTest(log: Logger): Promise<void> {
  const ports = MemoryPort.pair();
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
  await exchangeData(server.transport, client.transport);
  for (const port of ports) {
    if (port.repeated > 0) throw new Error('a DTLS record number was used twice');
  }
}

/** Messages each way over SCTP; the last is of several chunks. */
async function exchangeData(server: SecureTransport, client: SecureTransport): Promise<void> {
  await Promise.all(
    [server, client].map(
      (side) =>
        new Promise<void>((resolve, reject) => {
          let received = 0;
          const association = side.openData({
            open: () => {
              for (let number = 1; number <= MESSAGES; number += 1) {
                association.send(0, BINARY, Buffer.alloc(number === MESSAGES ? 4000 : 8, number), true);
              }
            },
            message: (stream, protocol, payload) => {
              received += 1;
              const size = received === MESSAGES ? 4000 : 8;
              if (stream !== 0 || protocol !== BINARY || !payload.equals(Buffer.alloc(size, received))) {
                reject(new Error('a data message was changed'));
              }
              if (received === MESSAGES) resolve();
            },
            streamsEnded: () => undefined,
            writable: () => undefined,
            closed: (reason) => {
              reject(new Error(reason));
            },
          });
        }),
    ),
  );
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
