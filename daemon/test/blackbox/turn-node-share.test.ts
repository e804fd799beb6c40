/** What the node may hold, divided among real TURN services. */
import t, { type Test } from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-limits.ts';
import { temporaryDirectory } from '../helpers/namespace-directory.ts';
import { ended, realNode, type RealNode } from '../helpers/namespace-real.ts';
import { TurnClient } from '../helpers/turn-client.ts';

// Every process start costs a second or more on a busy machine.
t.setTimeout(170_000);

const ADDRESS = '127.0.44.1';
const BUDGET = 4;

t.test('two namespaces never hold more than the node may; sessions outlive a new division', async (t) => {
  const turnLimits = { ...DEFAULT_TURN_LIMITS, allocationsOfNode: BUDGET };
  const node = await realNode({
    dataDir: temporaryDirectory(t),
    address: ADDRESS,
    stopServicesOnExit: true,
    change: { settings: { turnLimits } },
  });
  t.teardown(() => node.close());
  await node.namespaces.start();
  await enable(node, 'one');
  const pid = (await node.namespaces.status('one')).turn?.pid;
  t.match(await share(node, 'one'), { limit: BUDGET, used: 0 }, 'alone it has all');
  const first = await client(t, node, 'one');
  t.equal((await first.allocate()).code, 'success');

  await enable(node, 'two');
  t.match(await share(node, 'one'), { limit: BUDGET / 2, used: 1 });
  t.match(await share(node, 'two'), { limit: BUDGET / 2, used: 0 });
  t.equal((await first.refresh(600)).code, 'success', 'the session lives on');
  for (const name of ['one', 'two']) {
    const codes = [];
    for (let at = 0; at < BUDGET; at += 1) codes.push((await (await client(t, node, name)).allocate()).code);
    const fit = name === 'one' ? 1 : 2;
    t.same(
      codes,
      Array.from({ length: BUDGET }, (_, at) => (at < fit ? 'success' : 508)),
      name,
    );
  }
  const used = (await share(node, 'one')).used! + (await share(node, 'two')).used!;
  t.equal(used, BUDGET, 'the node is full and no fuller');
  const { items } = await node.namespaces.turn.refusals('two');
  t.match(items[0]?.sentence, /allocationsOfNode/, 'the refusal names the bound');

  const disabled = node.namespaces.disableWebrtc('two');
  t.equal((await ended(node.namespaces, disabled.operationId)).state, 'succeeded');
  t.match(await share(node, 'one'), { limit: BUDGET, used: 2 });
  t.equal((await (await client(t, node, 'one')).allocate()).code, 'success', 'its part is free again');
  t.equal((await node.namespaces.status('one')).turn?.pid, pid, 'no service was restarted');
});

t.test('a daemon with other limits gives them to the services that run, whose sessions go on', async (t) => {
  const dataDir = temporaryDirectory(t);
  const daemon = (allocationsPerUser: number): Promise<RealNode> => {
    const turnLimits = { ...DEFAULT_TURN_LIMITS, allocationsPerUser };
    return realNode({
      dataDir,
      address: ADDRESS,
      stopServicesOnExit: false,
      change: { settings: { turnLimits } },
    });
  };
  const first = await daemon(2);
  await first.namespaces.start();
  await enable(first, 'one');
  const pid = (await first.namespaces.status('one')).turn?.pid;
  const session = await client(t, first, 'one');
  t.equal((await session.allocate()).code, 'success');
  await first.close();

  const second = await daemon(1);
  t.teardown(() => second.close());
  await second.namespaces.start();
  const { limits } = await second.namespaces.turn.status('one');
  t.match(
    limits.find(({ name }) => name === 'allocationsPerUser'),
    { limit: 1 },
  );
  t.equal((await second.namespaces.status('one')).turn?.pid, pid, 'the same process');
  t.equal((await session.refresh(600)).code, 'success', 'its session goes on');
  const disabled = second.namespaces.disableWebrtc('one');
  t.equal((await ended(second.namespaces, disabled.operationId)).state, 'succeeded');
});

async function enable({ namespaces }: RealNode, name: string): Promise<void> {
  namespaces.create(name);
  const started = namespaces.enableWebrtc(name);
  const operation = await ended(namespaces, 'operationId' in started ? started.operationId : '');
  if (operation.state !== 'succeeded') throw new Error(JSON.stringify(operation, null, 2));
}

async function share({ namespaces }: RealNode, name: string) {
  const { limits } = await namespaces.turn.status(name);
  return limits.find((one) => one.name === 'allocationsOfNode') ?? { limit: 0, used: 0 };
}

async function client(t: Test, { namespaces }: RealNode, name: string): Promise<TurnClient> {
  const { ports } = await namespaces.status(name);
  const { username, password } = namespaces.turnCredentials(name, { subject: 'viewer' });
  const port = ports?.turn ?? 0;
  return TurnClient.open(t, { transport: 'udp', address: ADDRESS, port, username, password });
}
