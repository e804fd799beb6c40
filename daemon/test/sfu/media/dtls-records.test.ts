/**
 * Defect of the DTLS library: it starts its record numbers anew after Finished, in the same epoch, so that an early data
 * message would be encrypted with the nonce of Finished (AES-GCM). Captured between two transports of the product.
 */
import { randomBytes } from 'node:crypto';
import t from 'tap';
import { systemClock } from '../../../kit/clock.ts';
import { ApplicationRecords, RecordGuard, recordNumbers } from '../../../sfu/media/dtls-records.ts';
import { MemoryPort } from '../../../sfu/media/memory-port.ts';
import type { DataAssociation, SecureTransport } from '../../../sfu/media/secure-transport.ts';
import { WeriftTransportFactory } from '../../../sfu/media/werift-transport.ts';
import { silentLog } from '../../helpers/silent-log.ts';

const MESSAGES = 40;
const BINARY = 53;

/** Every DTLS record that leaves a port, also those of several in one datagram. */
class Capture {
  readonly records: { number: string; epoch: number; bytes: Buffer }[] = [];

  constructor(port: MemoryPort) {
    const send = port.send.bind(port);
    port.send = (datagram) => {
      const first = datagram[0] ?? 0;
      if (first >= 20 && first <= 63) {
        for (const { epoch, sequence } of recordNumbers(datagram)) {
          this.records.push({ number: `${epoch}/${sequence}`, epoch, bytes: Buffer.from(datagram) });
        }
      }
      send(datagram);
    };
  }

  get encrypted() {
    return this.records.filter(({ epoch }) => epoch > 0);
  }
}

async function connected(port: MemoryPort, role: 'server' | 'client') {
  const factory = await WeriftTransportFactory.open({ mux: port, clock: systemClock, log: silentLog });
  const up = Promise.withResolvers<boolean>();
  const transport = await factory.create({
    controlling: role === 'server',
    dtlsRole: role,
    events: {
      connected: () => {
        up.resolve(true);
      },
      media: () => undefined,
      closed: (reason) => {
        up.reject(new Error(reason));
      },
    },
  });
  t.teardown(() => {
    transport.close();
  });
  return { transport, up: up.promise };
}

function introduce(to: SecureTransport, { local }: SecureTransport): void {
  to.setRemote({ ufrag: local.ufrag, password: local.password, fingerprints: [local.fingerprint] });
  for (const candidate of local.candidates) to.addCandidate(candidate);
}

/** Sends numbered messages of growing size when open. @returns what came from the other side. */
async function talk(transport: SecureTransport): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const sizes: number[] = [];
    const association: DataAssociation = transport.openData({
      open: () => {
        for (let index = 0; index < MESSAGES; index += 1) {
          association.send(0, BINARY, Buffer.alloc(1 + index * 100, index), true);
        }
      },
      message: (_stream, _protocol, payload) => {
        sizes.push(payload.length);
        if (sizes.length === MESSAGES) resolve(sizes);
      },
      streamsEnded: () => undefined,
      writable: () => undefined,
      closed: (reason) => {
        reject(new Error(reason));
      },
    });
  });
}

t.test('no (epoch, sequence) is used twice in either direction', async (t) => {
  const ports = MemoryPort.pair();
  const captures = ports.map((port) => new Capture(port));
  const server = await connected(ports[0], 'server');
  const client = await connected(ports[1], 'client');
  introduce(server.transport, client.transport);
  introduce(client.transport, server.transport);
  await Promise.all([server.up, client.up]);
  const sizes = await Promise.all([talk(server.transport), talk(client.transport)]);
  const wanted = Array.from({ length: MESSAGES }, (_, index) => 1 + index * 100);
  t.same(sizes, [wanted, wanted], 'messages of up to four chunks came in order, both ways');
  for (const [index, { encrypted }] of captures.entries()) {
    const numbers = encrypted.map(({ number }) => number);
    t.ok(numbers.length > MESSAGES, `${numbers.length} encrypted records`);
    t.equal(new Set(numbers).size, numbers.length, `${['server', 'client'][index]}: all different`);
    const nonces = encrypted.map(({ bytes }) => bytes.subarray(13, 21).toString('hex'));
    t.equal(new Set(nonces).size, nonces.length, 'so are the nonces in the records');
  }
});

// -- The guard ---------------------------------------------------------------------------------------

function record(epoch: number, sequence: number, content = 'x', type = 23): Buffer {
  const header = Buffer.alloc(13);
  header[0] = type;
  header.writeUInt16BE(0xfefd, 1);
  header.writeUInt16BE(epoch, 3);
  header.writeUIntBE(sequence, 5, 6);
  header.writeUInt16BE(content.length, 11);
  return Buffer.concat([header, Buffer.from(content)]);
}

t.test('the guard lets no number of an encrypted epoch out twice', (t) => {
  const guard = new RecordGuard();
  t.equal(guard.highest, undefined);
  for (const sequence of [1, 2, 1, 2]) t.ok(guard.admit(record(0, sequence, 'hello', 22)), 'epoch 0 is free');
  const finished = record(1, 7, 'finished', 22);
  t.ok(guard.admit(finished));
  t.equal(guard.highest, 7);
  t.ok(guard.admit(record(1, 8)));
  t.ok(guard.admit(finished), 'a lost Finished is sent again as it was');
  t.notOk(guard.admit(record(1, 7)), 'its number with other content is not');
  t.notOk(guard.admit(record(1, 8)));
  t.notOk(guard.admit(record(1, 1)));
  t.ok(guard.admit(Buffer.concat([record(1, 9), record(1, 10)])));
  t.notOk(guard.admit(Buffer.concat([record(1, 11), record(1, 11)])), 'nor twice in one datagram');
  t.equal(guard.highest, 11);
  t.end();
});

t.test('a datagram that is cut off ends the list of its records', (t) => {
  const whole = Buffer.concat([record(1, 5), record(1, 6)]);
  t.same(recordNumbers(whole.subarray(0, 20)), [{ epoch: 1, sequence: 5 }]);
  t.same(recordNumbers(Buffer.alloc(12)), []);
  t.end();
});

// -- Records of our own --------------------------------------------------------------------------------

t.test('what one side seals the other opens, once, and nothing else', (t) => {
  const [one, other] = [0, 1].map(() => ({ key: randomBytes(16), salt: randomBytes(4) }));
  const sender = new ApplicationRecords({ send: one!, receive: other!, after: 6 });
  const receiver = new ApplicationRecords({ send: other!, receive: one!, after: 6 });
  const payloads = Array.from({ length: 100 }, (_, index) => randomBytes(index * 13));
  const records = payloads.map((payload) => sender.seal(payload)!);
  t.same(recordNumbers(records[0]!), [{ epoch: 1, sequence: 7 }], 'numbered on from the handshake');
  t.same(receiver.open(Buffer.concat(records.slice(0, 3))), payloads.slice(0, 3), 'several in one datagram');
  t.same(receiver.open(records[1]!), [], 'a repeated one is left out');
  t.same(receiver.open(records[9]!), [payloads[9]], 'order is free');
  t.same(receiver.open(records[8]!), [payloads[8]]);
  for (const at of [0, 4, 10, 14, 25, -1]) {
    const forged = Buffer.from(records[50]!);
    forged[at < 0 ? forged.length + at : at]! ^= 1;
    t.same(receiver.open(forged), [], `a change at ${at} is seen`);
  }
  t.same(receiver.open(records[50]!), [payloads[50]], 'and does no harm to the true one');
  for (let cut = 0; cut < 60; cut += 1) t.same(receiver.open(records[60]!.subarray(0, cut)), []);
  t.end();
});
