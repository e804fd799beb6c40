import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { DatagramEngine, UdpSocket } from '../../datagrams/datagram.ts';
import { dgramEngine } from '../../datagrams/dgram-engine.ts';
import { loadDatagramEngine } from '../../datagrams/load-engine.ts';
import type { Addon } from '../../datagrams/addon-layout.ts';
import { openWire, type Wire } from '../helpers/datagram-wire.ts';

const HOST = '127.0.46.2';
/** More than one UDP datagram holds: the kernel refuses it at once, whatever the network. */
const TOO_LONG = 65_600;
const ADDON = fileURLToPath(new URL('../../datagrams/native/build/datagram.node', import.meta.url));

const { engine: loaded } = loadDatagramEngine();
const addon =
  loaded.name === 'mmsg-addon' ? false : 'the datagram addon is not built: run scripts/build-native';
const engines: [DatagramEngine['name'], DatagramEngine, string | false][] = [
  ['dgram', dgramEngine, false],
  ['mmsg-addon', loaded, addon],
];

const open = (engine: DatagramEngine, t: Test, address = HOST): Promise<Wire> => openWire(t, engine, address);

for (const [name, engine, skip] of engines) {
  t.test(`datagrams by ${name}`, { skip, timeout: 60_000 }, (t) => {
    t.equal(engine.name, name);

    t.test('bytes, length and source arrive as they were sent', async (t) => {
      for (const address of [HOST, '::1']) {
        const peer = createSocket(address === HOST ? 'udp4' : 'udp6');
        peer.bind(0, address);
        await once(peer, 'listening');
        t.teardown(() => peer.close());
        for (const length of [0, 1, 3, 1200, 1500, 9000, 65_507]) {
          const sent = Buffer.alloc(length, length % 251);
          const arrival = Promise.withResolvers<{ bytes: Buffer; address: string; port: number }>();
          const socket = await engine.open({
            address,
            port: 0,
            onDatagram: (datagram) => {
              t.equal(datagram.end - datagram.start, length);
              t.ok(datagram.view().equals(sent));
              arrival.resolve({ bytes: datagram.kept(), address: datagram.address, port: datagram.port });
            },
            onFailure: (reason) => t.fail(reason),
            onError: (error) => t.fail(error),
          });
          peer.send(sent, socket.port, address);
          const from = await arrival.promise;
          t.same([from.address, from.port], [address, peer.address().port]);
          t.ok(from.bytes.equals(sent), `${length} bytes over ${address}`);
          const answer = once(peer, 'message') as Promise<[Buffer]>;
          socket.send(from.bytes, from.port, from.address, undefined);
          t.ok((await answer)[0].equals(sent), `${length} bytes back`);
          await socket.close();
        }
      }
    });

    t.test('a part of a datagram is forwarded, with a header in front or without', async (t) => {
      const end = await open(engine, t);
      const source = await open(engine, t);
      const watch = source.socket.watch();
      const relay = await engine.open({
        address: HOST,
        port: 0,
        onDatagram: (datagram) => {
          const { port } = end.socket;
          const length = datagram.end - datagram.start;
          relay.forward(datagram, datagram.start, length, 0x40010000 | length, port, HOST, watch);
          relay.forward(datagram, datagram.start + 2, length - 3, 0, port, HOST, watch);
          relay.forward(datagram, datagram.end, 0, 0x7fff0000, port, HOST, watch);
          relay.forward(datagram, datagram.end, 0, 0, port, HOST, watch);
        },
        onFailure: (reason) => t.fail(reason),
        onError: (error) => t.fail(error),
      });
      t.teardown(() => relay.close());
      source.socket.send(Buffer.from('abcdef'), relay.port, HOST, undefined);
      await end.has(4);
      t.same(
        end.got.map((one) => one.toString('latin1')),
        ['@\x01\0\x06abcdef', 'cde', '\x7f\xff\0\0', ''],
      );
    });

    t.test('a copy is sent of bytes that are written over at once', async (t) => {
      const end = await open(engine, t);
      const { socket } = await open(engine, t);
      const scratch = Buffer.alloc(1200);
      // More than the addon's list and its arena hold, so that some leave before the turn is over.
      const bursts = 1300;
      for (let at = 0; at < bursts; at += 1) {
        scratch.fill(at & 0xff).writeUInt16BE(at, 0);
        socket.sendCopy(scratch, end.socket.port, HOST);
      }
      scratch.fill(0xee);
      await end.has(bursts);
      t.same(
        end.got.map((one) => one.readUInt16BE(0)),
        Array.from({ length: bursts }, (_, at) => at),
      );
      t.ok(
        end.got.every(
          (one, at) => one.length === 1200 && one.subarray(2).every((byte) => byte === (at & 0xff)),
        ),
      );
    });

    t.test('each flow arrives whole, in order and in its own datagrams', async (t) => {
      const ends = [await open(engine, t), await open(engine, t), await open(engine, t)];
      const source = await open(engine, t);
      const flows = fc.array(
        fc.record({ to: fc.nat(2), length: fc.oneof(fc.constant(1200), fc.constant(0), fc.nat(1400)) }),
        { minLength: 1, maxLength: 150 },
      );
      await fc.assert(
        fc.asyncProperty(flows, async (sends) => {
          for (const end of ends) end.got.length = 0;
          const wanted: Buffer[][] = [[], [], []];
          for (const [at, { to, length }] of sends.entries()) {
            const bytes = Buffer.alloc(length, at);
            wanted[to]!.push(bytes);
            source.socket.send(Buffer.from(bytes), ends[to]!.socket.port, HOST, undefined);
          }
          await Promise.all(ends.map((end, at) => end.has(wanted[at]!.length)));
          return ends.every(
            (end, at) =>
              Buffer.concat(end.got).equals(Buffer.concat(wanted[at]!)) &&
              end.got.every((one, index) => one.length === wanted[at]![index]!.length),
          );
        }),
        { numRuns: 40 },
      );
    });

    t.test('more than a batch holds goes out in several', async (t) => {
      const end = await open(engine, t);
      const source = await open(engine, t);
      for (let round = 0; round < 4; round += 1) {
        end.got.length = 0;
        for (let at = 0; at < 1500; at += 1) {
          const bytes = Buffer.alloc(300);
          bytes.writeUInt32BE(at);
          source.socket.send(bytes, end.socket.port, HOST, undefined);
        }
        await end.has(1500);
        t.same(
          end.got.map((one) => one.readUInt32BE()),
          Array.from({ length: 1500 }, (_, at) => at),
        );
      }
    });

    t.test('a failing flow is counted completely and does not disturb another', async (t) => {
      const end = await open(engine, t);
      const source = await open(engine, t);
      const good = source.socket.watch();
      const bad = source.socket.watch();
      for (let at = 0; at < 200; at += 1) {
        source.socket.send(Buffer.from('good'), end.socket.port, HOST, good.next());
        source.socket.send(Buffer.alloc(TOO_LONG), end.socket.port, HOST, bad.next());
        // What the kernel said is heard in the next turn.
        await new Promise(setImmediate);
      }
      await end.has(200);
      await source.has(200);
      t.same(source.failures, Array(200).fill('send-failed'), 'each failed packet once');
      source.socket.send(Buffer.alloc(65_530), end.socket.port, HOST, bad.onSent);
      source.socket.send(Buffer.from('x'), 9, '::1', bad.onSent);
      await source.has(202);
      t.same(source.failures.length, 202, 'too long for IPv4, and the wrong family');
    });

    t.test('a port that is taken is an error that names it', async (t) => {
      const end = await open(engine, t);
      const { port } = end.socket;
      const second = engine.open({
        address: HOST,
        port,
        onDatagram: () => undefined,
        onFailure: () => undefined,
        onError: () => undefined,
      });
      await t.rejects(second, { code: 'EADDRINUSE', syscall: 'bind', address: HOST, port });
      await end.socket.close();
      await end.socket.close();
      end.socket.send(Buffer.from('late'), port, HOST, undefined);
      const again = await engine.open({
        address: HOST,
        port,
        onDatagram: () => undefined,
        onFailure: () => undefined,
        onError: () => undefined,
      });
      t.equal(again.port, port, 'free after the close');
      await again.close();
    });

    t.test(
      'a socket closed by its own datagram hears no more, nor does the next one in its place',
      async (t) => {
        const source = await open(engine, t);
        const heard: string[] = [];
        const next: Promise<UdpSocket>[] = [];
        const first = await engine.open({
          address: HOST,
          port: 0,
          onDatagram: (datagram) => {
            heard.push(datagram.view().toString());
            void first.close();
            next.push(
              engine.open({
                address: HOST,
                port: 0,
                onDatagram: (wrong) => t.fail(`not for this socket: ${wrong.view().toString()}`),
                onFailure: (reason) => t.fail(reason),
                onError: (error) => t.fail(error),
              }),
            );
          },
          onFailure: (reason) => t.fail(reason),
          onError: (error) => t.fail(error),
        });
        const { port } = first;
        for (const text of ['one', 'two', 'three'])
          source.socket.send(Buffer.from(text), port, HOST, undefined);
        source.socket.send(Buffer.from('self'), source.socket.port, HOST, undefined);
        await source.has(1);
        await new Promise(setImmediate);
        t.same(heard, ['one']);
        for (const socket of await Promise.all(next)) await socket.close();
      },
    );
    t.end();
  });
}

t.test('the addon checks what it is given', { skip: addon, timeout: 60_000 }, async (t) => {
  const native = createRequire(import.meta.url)(ADDON) as Addon;
  const end = await open(loaded, t);
  const source = await open(loaded, t);
  const sends = new Int32Array(native.sends);
  const control = new Int32Array(native.control);
  const word = fc.oneof(
    fc.constantFrom(0, 1, 2, -1, 0x10000, 0x7fffffff, -0x80000000, native.memory.byteLength, native.arenaAt),
    fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  );
  fc.assert(
    fc.property(fc.array(word, { minLength: 14, maxLength: 84 }), word, word, (words, count, used) => {
      sends.fill(0);
      sends.set(words);
      control[0] = count;
      control[1] = used;
      native.flush();
      native.close(count);
      native.port(used);
      return control[0] === 0 && control[1] === 0;
    }),
    // Sockets 0 and 1 may be closed by it: those that are tested are opened afterwards.
    { numRuns: 2000 },
  );
  await end.socket.close();
  await source.socket.close();
  await new Promise(setImmediate);

  const receiver = await open(loaded, t);
  const index = native.open(HOST, 0, 4096, true);
  const bytes = native.memory.byteLength;
  const host = new Int32Array(Uint8Array.from(HOST.split('.'), Number).buffer)[0]!;
  for (const [offset, length] of [
    [bytes - 9, 10],
    [bytes, 1],
    [-1, 1],
    [0, -1],
    [0, 65_536],
    [2 ** 31 - 1, 1],
    [bytes - 9, 9],
  ]) {
    sends.set([index, receiver.socket.port, host, 0, 0, 0, 0, 0, offset!, length!, 0, 0, 0, 0]);
    control[0] = 1;
    native.flush();
  }
  await receiver.has(1);
  t.same(
    receiver.got.map((one) => one.length),
    [9],
    'only what lies inside the memory leaves',
  );
  native.close(index);
  for (const call of [
    () => native.open(HOST, 70_000, 1, true),
    () => native.open('x'.repeat(100), 0, 1, true) === -22 || t.fail('no address'),
    () => native.open(undefined as never, 0, 1, true),
    () => native.listen(undefined as never),
    () => (native.close as () => void)(),
  ]) {
    try {
      call();
    } catch (error) {
      t.type(error, TypeError);
    }
  }
  const again = [await open(loaded, t), await open(loaded, t)] as const;
  again[0].socket.send(Buffer.from('still here'), again[1].socket.port, HOST, undefined);
  await again[1].has(1);
  t.equal(again[1].got.toString(), 'still here');
});

t.test(
  'open sockets do not keep a process or a thread from ending',
  { skip: addon, timeout: 60_000 },
  (t) => {
    const engineFile = new URL('../../datagrams/load-engine.ts', import.meta.url).href;
    const openOne = `
    const { loadDatagramEngine } = await import(${JSON.stringify(engineFile)});
    const { engine } = loadDatagramEngine();
    const socket = await engine.open({ address: '${HOST}', port: 0, onFailure() {}, onError() {},
      onDatagram(datagram) { socket.forward(datagram, datagram.start, 1, 0, 9, '${HOST}'); END } });
    socket.send(Buffer.from('x'), socket.port, '${HOST}');`;
    const thread = `const { Worker } = await import('node:worker_threads');
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(${JSON.stringify(
      openOne
        .replace('END', "postMessage('up')")
        .replace(
          'const {',
          "import { parentPort } from 'node:worker_threads'; const postMessage = (m) => parentPort.postMessage(m); const {",
        ),
    )})));
    await new Promise((resolve) => worker.once('message', resolve));
    await worker.terminate();`;
    for (const program of [openOne.replace('END', 'process.exit(7)'), thread]) {
      const { status, signal, stderr } = spawnSync(
        process.execPath,
        ['--input-type=module', '--eval', program],
        { encoding: 'utf8', timeout: 20_000 },
      );
      t.same([status, signal, stderr], [program === thread ? 0 : 7, null, '']);
    }
    t.end();
  },
);
