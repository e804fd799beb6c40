/** Paths that the kernel does not take in batches: datagrams above the MTU, and a send buffer that is full. */
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadDatagramEngine } from '../../../datagrams/load-engine.ts';
import { CONTROL, FAILURE, SEND, type Addon } from '../../../datagrams/addon-layout.ts';

const HOST = '127.0.0.1';
/** On the link of the test's interface; nobody answers there. */
const NOBODY = [10, 99, 0, 77];
const LOOPBACK_MTU = 1400;
const ADDON = fileURLToPath(new URL('../../../datagrams/native/build/datagram.node', import.meta.url));

const address = process.env['TURNKEEP_TEST_NETWORK_ADDRESS'];
const { engine } = loadDatagramEngine();
const skip =
  (address === undefined && 'needs a network namespace (root)') ||
  (engine.name !== 'mmsg-addon' && 'the datagram addon is not built: run scripts/build-native');

t.test('datagrams above the MTU of the path arrive, one by one', { skip, timeout: 30_000 }, async (t) => {
  execFileSync('ip', ['link', 'set', 'lo', 'mtu', String(LOOPBACK_MTU)]);
  const got: string[] = [];
  const all = Promise.withResolvers<undefined>();
  const sends = [900, 3000, 1200, 5000].flatMap((length) => Array<number>(20).fill(length));
  const common = { address: HOST, port: 0, onError: (error: Error) => t.fail(error) };
  const receiver = await engine.open({
    ...common,
    onDatagram: ({ bytes, start, end }) => {
      got.push(`${end - start} ${bytes[start]} ${bytes[end - 1]}`);
      if (got.length === sends.length) all.resolve(undefined);
    },
    onFailure: (reason) => t.fail(reason),
  });
  const source = await engine.open({
    ...common,
    onDatagram: () => undefined,
    onFailure: (reason, count) => t.fail(`${count} ${reason}`),
  });
  t.teardown(() => Promise.all([source.close(), receiver.close()]));
  for (const [at, length] of sends.entries()) {
    source.send(Buffer.alloc(length, at), receiver.port, HOST, undefined);
  }
  await all.promise;
  t.same(
    got,
    sends.map((length, at) => `${length} ${at} ${at}`),
  );
});

t.test('what finds the send buffer full is counted as that', { skip, timeout: 30_000 }, async (t) => {
  const addon = createRequire(import.meta.url)(ADDON) as Addon;
  const sends = new Int32Array(addon.sends);
  const control = new Int32Array(addon.control);
  // Small, because the kernel itself drops what waits for an address on the link, above some hundred kilobytes.
  const index = addon.open(address ?? '', 0, 4096, true);
  const failures = new Promise<number[]>((resolve) => {
    addon.listen((_received, count) => {
      if (count > 0) resolve([count, ...control.subarray(CONTROL.failures, CONTROL.failures + FAILURE.ints)]);
    });
  });
  const to = new Int32Array(Uint8Array.from(NOBODY).buffer)[0] ?? 0;
  for (let at = 0; at < 40; at += 1) {
    // No two in a row of one size: each is a message of its own.
    sends.set([index, 9, to, 0, 0, 0, 0, 0, 0, 1000 + at, 0, 0, 0, 0], at * SEND.ints);
  }
  control[0] = 40;
  const [sockets, which, full = 0, failed] = await failures;
  t.same([sockets, which, failed], [1, index, 0]);
  t.ok(full > 0 && full < 40, `${full} of 40`);
  addon.close(index);
});
