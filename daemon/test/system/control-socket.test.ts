import { connect } from 'node:net';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { z } from 'zod';
import { CONTROL_VERSION, helloResultSchema } from '../../contract/control.ts';
import { AppError } from '../../contract/errors.ts';
import { createLogger } from '../../kit/logger.ts';
import { ControlClient } from '../../system/control-client.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { ControlServer } from '../../system/control-server.ts';

const methods = {
  hello: { params: z.object({ controlVersion: z.number() }), result: helloResultSchema },
  double: { params: z.object({ value: z.number() }), result: z.object({ value: z.number() }) },
  refuse: { params: z.object({}), result: z.object({}) },
  hang: { params: z.object({}), result: z.object({}) },
} as const;
const events = { tick: z.object({ count: z.number() }) } as const;

async function serve(t: Test, path = join(tempDir(t), 'control.sock')) {
  const server = new ControlServer({
    path,
    methods,
    events,
    log: createLogger({ name: 'test', level: 'silent' }),
    handlers: {
      hello: () => ({
        service: 'turn' as const,
        namespace: 'demo',
        controlVersion: CONTROL_VERSION,
        pid: 1,
        startedAtMs: 1,
      }),
      double: ({ value }) => ({ value: value * 2 }),
      refuse: () => {
        throw new AppError('room_not_found', 'There is no such room.');
      },
      hang: () => new Promise<Record<string, never>>(() => undefined),
    },
  });
  await server.open();
  t.teardown(() => server.close());
  return { server, path };
}

t.test('calls, refusals and events cross the socket', async (t) => {
  const { server, path } = await serve(t);
  t.equal(statSync(path).mode & 0o777, 0o600);
  const seen: number[] = [];
  const { client, hello } = await ControlClient.open({
    path,
    methods,
    events,
    onEvent: (event) => seen.push(event.data.count),
  });
  t.teardown(() => {
    client.close();
  });
  t.equal(hello.namespace, 'demo');
  t.same(await client.call('double', { value: 21 }), { value: 42 });
  await t.rejects(client.call('refuse', {}), { code: 'room_not_found' });
  await t.rejects(client.call('double', { value: 'x' as unknown as number }), { code: 'invalid_request' });
  await t.rejects(client.call('hang', {}, { timeoutMs: 20 }), /does not answer/);
  server.emit('tick', { count: 7 });
  await client.call('double', { value: 1 });
  t.same(seen, [7]);
});

t.test('a server that goes away fails what is under way and says so', async (t) => {
  const { server, path } = await serve(t);
  let closed = 0;
  const { client } = await ControlClient.open({ path, methods, events, onClose: () => (closed += 1) });
  const hanging = client.call('hang', {});
  await Promise.all([t.rejects(hanging, /does not answer/), server.close()]);
  t.equal(closed, 1);
  t.ok(client.closed);
  await t.rejects(client.call('double', { value: 1 }), /does not answer/);
  await t.rejects(ControlClient.open({ path, methods, events }), /does not answer/);
});

t.test('a leftover socket file of a dead process is replaced', async (t) => {
  const { server, path } = await serve(t);
  await server.close();
  const again = await serve(t, path);
  const { client } = await ControlClient.open({ path: again.path, methods, events });
  client.close();
});

t.test('noise closes the connection and nothing else', async (t) => {
  const { path } = await serve(t);
  for (const noise of ['not json\n', '{"id":"x"}\n', '[]\n', 'x'.repeat(2_000_000)]) {
    const socket = connect(path);
    socket.on('error', () => undefined);
    socket.write(noise);
    await new Promise((resolve) => socket.on('close', resolve));
  }
  const { client } = await ControlClient.open({ path, methods, events });
  t.same(await client.call('double', { value: 2 }), { value: 4 });
  client.close();
});
