/** A client's handshake over a path that reorders, repeats and cuts: passed on whole, in order, each once. */
import fc from 'fast-check';
import t from 'tap';
import { systemClock } from '../../../kit/clock.ts';
import type { SrtpKeys } from '../../../sfu/media/core/types.ts';
import { DtlsOrder } from '../../../sfu/media/dtls-order.ts';
import { MemoryPort } from '../../../sfu/media/memory-port.ts';
import type { SecureTransport } from '../../../sfu/media/secure-transport.ts';
import { WeriftTransportFactory } from '../../../sfu/media/werift-transport.ts';
import { silentLog } from '../../helpers/silent-log.ts';

t.setTimeout(60_000);
const FLIGHT = [
  [1, 0, 60],
  [1, 1, 80],
  [11, 2, 700],
  [16, 3, 66],
  [15, 4, 76],
] as const;
const FINISHED = record(22, 1, Buffer.alloc(40, 9));

function record(type: number, epoch: number, body: Buffer): Buffer {
  const header = Buffer.from([type, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt16BE(body.length, 11);
  return Buffer.concat([header, body]);
}

function fragment(
  [type, number, length]: readonly [number, number, number],
  from: number,
  to: number,
): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt8(type, 0);
  header.writeUIntBE(length, 1, 3);
  header.writeUInt16BE(number, 4);
  header.writeUIntBE(from, 6, 3);
  header.writeUIntBE(to - from, 9, 3);
  return Buffer.concat([header, Buffer.alloc(to - from, number)]);
}

t.test('whatever the order, the cuts and the repeats: each message once, the end last', (t) => {
  const pieces = FLIGHT.flatMap((message) => {
    const cuts = [0, Math.floor(message[2] / 3), Math.floor(message[2] / 2), message[2]];
    return cuts.slice(1).map((to, at) => record(22, 0, fragment(message, cuts[at]!, to)));
  });
  const whole = FLIGHT.map((message) => record(22, 0, fragment(message, 0, message[2])));
  const all = [...pieces, ...whole.slice(2), record(20, 0, Buffer.from([1])), FINISHED];
  fc.assert(
    fc.property(fc.shuffledSubarray(all, { minLength: all.length }), fc.nat(8), (order, joined) => {
      const gate = new DtlsOrder();
      const datagrams = [Buffer.concat(order.slice(0, joined)), ...order.slice(joined)];
      const passed = datagrams.flatMap((datagram) => gate.take(datagram));
      const plain = passed.filter((one) => one[4] === 0);
      return (
        plain.length === FLIGHT.length &&
        plain.every((one, at) => one.subarray(13).equals(whole[at]!.subarray(13))) &&
        passed.at(-1)!.equals(FINISHED)
      );
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('a repeated hello is answered again, a repeated end too', (t) => {
  const gate = new DtlsOrder();
  for (const message of FLIGHT) {
    t.equal(gate.take(record(22, 0, fragment(message, 0, message[2]))).length, 1);
  }
  t.equal(gate.take(FINISHED).length, 1);
  t.equal(gate.take(record(22, 0, fragment(FLIGHT[2], 0, 700))).length, 0);
  t.equal(gate.take(record(22, 0, fragment(FLIGHT[1], 0, 80))).length, 1);
  t.equal(gate.take(FINISHED).length, 1);
  t.end();
});

t.test('any bytes: nothing is thrown, little is kept', (t) => {
  const gate = new DtlsOrder();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(20, 21, 22, 23), (body, type) => {
      gate.take(record(type, body.length % 2, Buffer.from(body)));
      gate.take(Buffer.from(body));
    }),
    { numRuns: 5000 },
  );
  t.end();
});

/** Datagrams of one direction wait until three are there, or 30 ms, and leave in reverse. */
function reverse(port: MemoryPort): void {
  const send = port.sendControl.bind(port);
  let held: Parameters<MemoryPort['sendControl']>[] = [];
  const release = (): void => {
    for (const parameters of held.splice(0).reverse()) send(...parameters);
  };
  port.sendControl = (endpoint, datagram, ...address) => {
    const first = datagram[0] ?? 0;
    if (first < 20 || first > 63) {
      send(endpoint, datagram, ...address);
      return;
    }
    held.push([endpoint, Buffer.from(datagram), ...address]);
    if (held.length >= 3) release();
    else setTimeout(release, 30);
  };
  held = [];
}

t.test('a handshake whose client flight arrives in reverse comes up', async (t) => {
  for (let round = 0; round < 3; round += 1) {
    const ports = MemoryPort.pair();
    reverse(ports[1]);
    const sides: { transport: SecureTransport; keys: Promise<SrtpKeys> }[] = [];
    for (const [index, mux] of ports.entries()) {
      const factory = await WeriftTransportFactory.open({ mux, clock: systemClock, log: silentLog });
      const keys = Promise.withResolvers<SrtpKeys>();
      const transport = await factory.create({
        controlling: index === 0,
        dtlsRole: index === 0 ? 'server' : 'client',
        events: {
          connected: keys.resolve,
          media: () => undefined,
          closed: (reason) => {
            keys.reject(new Error(reason));
          },
        },
      });
      sides.push({ transport, keys: keys.promise });
    }
    for (const [to, from] of [sides, [...sides].reverse()]) {
      const { local } = from!.transport;
      const { ufrag, password, fingerprint } = local;
      to!.transport.setRemote({ ufrag, password, fingerprints: [fingerprint] });
      for (const candidate of local.candidates) to!.transport.addCandidate(candidate);
    }
    const [ours, theirs] = await Promise.all(sides.map(({ keys }) => keys));
    t.ok(ours!.local.key.equals(theirs!.remote.key));
    for (const { transport } of sides) transport.close();
  }
});
