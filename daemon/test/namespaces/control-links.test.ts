import t from 'tap';
import { AppError } from '../../contract/errors.ts';
import { createLogger } from '../../kit/logger.ts';
import { ControlLinks } from '../../namespaces/control-links.ts';
import type { ControlConnector, SfuControlEvent } from '../../namespaces/system.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

type Opened = { onClose: () => void; onEvent: (event: SfuControlEvent) => void; closed: boolean };

/** Connections are made by hand: `refuse` says how many attempts fail first. */
class HandConnector implements ControlConnector {
  refuse = 0;
  attempts = 0;
  answer: () => Promise<unknown> = () => Promise.resolve({ ready: true });
  readonly opened: Opened[] = [];
  /** The TURN process that answers; undefined while there is none. */
  turnProcess: { pid: number; startedAtMs: number } | undefined;
  turnAttempts = 0;
  turnListeners: { transport: string; open: boolean }[] = [];
  turnEnds: () => void = () => undefined;
  readonly calls: string[] = [];
  turn(_path: string, options: { onClose: () => void }): ReturnType<ControlConnector['turn']> {
    this.turnAttempts += 1;
    if (this.turnProcess === undefined) return Promise.reject(new Error('no TURN in this test'));
    this.turnEnds = options.onClose;
    const control = { call: () => Promise.resolve({ listeners: this.turnListeners }) };
    return Promise.resolve({ ...this.turnProcess, control, close: () => undefined } as never);
  }
  sfu(
    _path: string,
    options: { onClose: () => void; onEvent: (event: SfuControlEvent) => void },
  ): ReturnType<ControlConnector['sfu']> {
    this.attempts += 1;
    if (this.attempts <= this.refuse) return Promise.reject(new Error('nobody listens'));
    const opened: Opened = { ...options, closed: false };
    this.opened.push(opened);
    const call = (method: string): Promise<unknown> => {
      this.calls.push(method);
      return this.answer();
    };
    const process = { pid: 1, startedAtMs: 1 };
    return Promise.resolve({ control: { call }, ...process, close: () => (opened.closed = true) } as never);
  }
}
const make = (connector: HandConnector): { links: ControlLinks; clock: FakeClock; events: string[] } => {
  const clock = new FakeClock();
  const links = new ControlLinks({
    connector,
    services: { controlSocket: () => '/run/x' },
    clock,
    random: () => 0,
    log: createLogger({ name: 'test', level: 'silent' }),
  });
  const events: string[] = [];
  links.watch((event) => events.push(event.type));
  return { links, clock, events };
};
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('connects, tells, forwards events, connects again after a loss', async (t) => {
  const connector = new HandConnector();
  const { links, clock, events } = make(connector);
  links.open('demo');
  links.open('demo');
  await settle();
  t.equal(connector.opened.length, 1, 'one connection');
  t.ok(links.sfu('demo'));
  connector.opened[0]!.onEvent({ name: 'demand', data: { roomId: 'r', subscribers: 1 } });
  connector.opened[0]!.onClose();
  t.equal(links.sfu('demo'), undefined);
  clock.advance(100);
  await settle();
  t.same(events, ['connected', 'event', 'disconnected', 'connected']);
  connector.opened[0]!.onClose();
  t.ok(links.sfu('demo'), 'the end of an old connection is not the end of the new one');
  links.closeAll();
});

t.test('retries with growing waits until it is not wanted any more', async (t) => {
  const connector = new HandConnector();
  connector.refuse = 1000;
  const { links, clock, events } = make(connector);
  links.open('demo');
  for (let at = 0; at < 100; at += 1) {
    await settle();
    clock.advance(100);
  }
  t.ok(connector.attempts > 5 && connector.attempts < 20, `${connector.attempts} in 10 s`);
  links.close('demo');
  const { attempts } = connector;
  clock.advance(60_000);
  await settle();
  t.equal(connector.attempts, attempts);
  t.same(events, []);
});

t.test('closed while connecting: the connection is let go', async (t) => {
  const connector = new HandConnector();
  const { links, events } = make(connector);
  links.open('demo');
  links.close('demo');
  await settle();
  t.ok(connector.opened[0]!.closed);
  t.equal(links.sfu('demo'), undefined);
  t.same(events, []);
});

t.test('a probe waits for the connection, and is null without an answer', async (t) => {
  const connector = new HandConnector();
  connector.refuse = 1;
  const { links, clock } = make(connector);
  t.equal(await links.probeSfu('demo', 1000), null, 'not opened');
  links.open('demo');
  await settle();
  const probe = links.probeSfu('demo', 1000);
  clock.advance(100);
  t.same(await probe, { ready: true });
  connector.answer = () => Promise.reject(new AppError('unavailable', 'no'));
  t.equal(await links.probeSfu('demo', 1000), null);
  const turn = links.probeTurn('demo', 1000);
  clock.advance(1000);
  t.equal(await turn, null);
  links.closeAll();
});

t.test('another TURN process means that all relays are new: SFU and listeners are told', async (t) => {
  const connector = new HandConnector();
  connector.turnProcess = { pid: 7, startedAtMs: 100 };
  const { links, clock, events } = make(connector);
  links.open('demo');
  await settle();
  t.same(events, ['connected'], 'the first one is no restart');
  const reconnect = async (process: HandConnector['turnProcess']): Promise<void> => {
    connector.turnProcess = process;
    connector.turnEnds();
    clock.advance(2000);
    await settle();
  };
  await reconnect({ pid: 7, startedAtMs: 100 });
  t.same(events, ['connected'], 'nor is a connection that broke');
  await reconnect({ pid: 8, startedAtMs: 200 });
  t.same(events, ['connected', 'relays-restarted']);
  t.same(connector.calls, ['relays.restarted']);
  await reconnect({ pid: 8, startedAtMs: 300 });
  t.equal(events.length, 3, 'a process number may come again');
  t.same(connector.calls, ['relays.restarted', 'relays.restarted']);

  links.close('demo');
  connector.turnProcess = { pid: 9, startedAtMs: 400 };
  links.open('demo');
  await settle();
  t.equal(events.filter((type) => type === 'relays-restarted').length, 2, 'enabled anew is no restart');
  links.closeAll();
});

t.test('an SFU that is away when the relays come back is told as soon as it answers', async (t) => {
  const connector = new HandConnector();
  connector.turnProcess = { pid: 7, startedAtMs: 100 };
  const { links, clock, events } = make(connector);
  links.open('demo');
  await settle();
  connector.refuse = 1000;
  connector.opened[0]!.onClose();
  connector.turnProcess = { pid: 8, startedAtMs: 200 };
  connector.turnEnds();
  clock.advance(100);
  await settle();
  t.same(events, ['connected', 'disconnected', 'relays-restarted']);
  t.same(connector.calls, []);
  connector.refuse = 0;
  clock.advance(2000);
  await settle();
  t.same(connector.calls, ['relays.restarted']);
  connector.answer = () => Promise.reject(new AppError('internal', 'an SFU of a former version'));
  connector.turnProcess = { pid: 9, startedAtMs: 300 };
  connector.turnEnds();
  clock.advance(100);
  await settle();
  t.equal(connector.calls.length, 2, 'a refusal is not asked again');
  links.closeAll();
});

t.test('a service that is known to be ready is connected without waiting for the retry', async (t) => {
  const connector = new HandConnector();
  connector.refuse = 6;
  const { links, clock } = make(connector);
  links.open('demo');
  for (let n = 0; n < 5; n += 1) {
    await settle();
    clock.advance([50, 100, 200, 400, 100][n]!);
  }
  await settle();
  const { attempts } = connector;
  connector.refuse = 0;
  links.hurry({ kind: 'sfu', namespace: 'demo' });
  links.hurry({ kind: 'sfu', namespace: 'other' });
  await settle();
  t.equal(connector.attempts, attempts + 1);
  t.ok(links.sfu('demo'));
  links.hurry({ kind: 'sfu', namespace: 'demo' });
  clock.advance(10_000);
  await settle();
  t.equal(connector.attempts, attempts + 1, 'what is connected stays');
  links.closeAll();
});

t.test('a listener that fails does not keep the others from hearing', async (t) => {
  const connector = new HandConnector();
  const { links } = make(connector);
  let heard = 0;
  links.watch(() => {
    throw new Error('bad listener');
  });
  links.watch(() => (heard += 1));
  links.open('demo');
  await settle();
  t.equal(heard, 1);
  links.closeAll();
});

t.test('whether there is DTLS is what the running TURN service says', async (t) => {
  const connector = new HandConnector();
  connector.turnProcess = { pid: 7, startedAtMs: 100 };
  connector.turnListeners = [
    { transport: 'tls', open: true },
    { transport: 'dtls', open: true },
  ];
  const { links, clock } = make(connector);
  t.equal(links.servesDtls('demo'), false, 'not known yet');
  links.open('demo');
  await links.connected('demo', 1000);
  t.equal(links.servesDtls('demo'), true);

  connector.turnListeners = [
    { transport: 'tls', open: true },
    { transport: 'dtls', open: false },
  ];
  connector.turnProcess = { pid: 8, startedAtMs: 200 };
  connector.turnEnds();
  t.equal(links.servesDtls('demo'), true, 'a service that is away has not changed its mind');
  clock.advance(100);
  await settle();
  t.equal(links.servesDtls('demo'), false, 'another process without the addon');
  links.closeAll();
});
