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
  turn(): ReturnType<ControlConnector['turn']> {
    return Promise.reject(new Error('no TURN in this test'));
  }
  sfu(
    _path: string,
    options: { onClose: () => void; onEvent: (event: SfuControlEvent) => void },
  ): ReturnType<ControlConnector['sfu']> {
    this.attempts += 1;
    if (this.attempts <= this.refuse) return Promise.reject(new Error('nobody listens'));
    const opened: Opened = { ...options, closed: false };
    this.opened.push(opened);
    const control = { call: () => this.answer() };
    return Promise.resolve({ control, pid: 1, close: () => (opened.closed = true) } as never);
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
