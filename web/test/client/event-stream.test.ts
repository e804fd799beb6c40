/** Live data over a socket that breaks, loses an event, or belongs to nobody any more. */
import t from 'tap';
import { EventStream, readLiveEvent } from '../../src/live/event-stream.ts';
import { FakeSocket } from './fake-socket.ts';
import { FakeTimers } from './fake-timers.ts';

function setup(isSignedIn: () => Promise<boolean> = () => Promise.resolve(true)) {
  const timers = new FakeTimers();
  const sockets: FakeSocket[] = [];
  const stream = new EventStream({
    openSocket: () => {
      const socket = new FakeSocket();
      sockets.push(socket);
      return socket;
    },
    isSignedIn,
    timers,
  });
  return { timers, sockets, stream, last: () => sockets.at(-1)! };
}
const SNAPSHOT = {
  seq: 1,
  serverTime: '',
  user: { name: 'mara', role: 'owner' },
  namespaces: [],
  devices: [],
  operations: [],
};

t.test('a gap brings a new snapshot at once', (t) => {
  const { stream, sockets, last } = setup();
  stream.start();
  last().receive('snapshot', SNAPSHOT, true);
  t.equal(stream.state.phase, 'live');
  last().receive('device-removed', { seq: 2, id: 'x' }, true);
  t.equal(stream.data?.seq, 2);
  last().receive('device-removed', { seq: 4, id: 'x' }, true);
  t.equal(sockets.length, 2);
  t.ok(sockets[0]?.closed);
  t.equal(stream.state.downSinceMs, null, 'that is no interruption');
  last().receive('snapshot', SNAPSHOT, true);
  t.equal(stream.data?.seq, 1);
  stream.stop();
  t.equal(stream.data, null, 'the next user sees nothing of it');
  t.end();
});

t.test('reconnects for ever, keeps its data, and says since when', async (t) => {
  const { stream, sockets, last, timers } = setup(() => Promise.reject(new Error('no network')));
  stream.start();
  last().receive('snapshot', SNAPSHOT, true);
  const brokenAtMs = timers.now();
  last().breaks();
  await timers.advance(30_000);
  t.equal(stream.state.phase, 'waiting');
  t.equal(stream.state.downSinceMs, brokenAtMs);
  t.ok(stream.state.attempt > 8);
  t.equal(sockets.length, 1, 'no socket while the server is not reached');
  t.ok(stream.data, 'old data stays');
  stream.hurry();
  t.equal(sockets.length, 2);
  last().receive('snapshot', SNAPSHOT, true);
  t.match(stream.state, { phase: 'live', downSinceMs: null, attempt: 0 });
  stream.stop();
  t.equal(timers.waiting, 0);
});

t.test('a session that ended is no broken network', async (t) => {
  const { stream, last, timers } = setup(() => Promise.resolve(false));
  const phases: string[] = [];
  stream.on('state', (state) => phases.push(state.phase));
  stream.start();
  last().receive('snapshot', SNAPSHOT, true);
  last().breaks();
  await timers.advance(1000);
  t.equal(stream.state.phase, 'signed-out');
  t.equal(stream.data, null);
  stream.start();
  t.equal(stream.state.phase, 'connecting', 'and begins again after sign-in');
  stream.stop();
});

t.test('a socket that brings no snapshot is given up', async (t) => {
  const { stream, sockets, timers } = setup();
  stream.start();
  await timers.advance(10_300);
  t.equal(sockets.length, 2);
  t.ok(sockets[0]?.closed);
  stream.stop();
});

t.test('what is no event of the contract is ignored', (t) => {
  for (const data of [
    '',
    '{',
    'null',
    '[]',
    '{"type":"snapshot","seq":1}',
    '{"type":"constructor","seq":1}',
    '{"type":"device","seq":1}',
    '{"type":"device","seq":"1","device":{}}',
    7,
  ]) {
    t.equal(readLiveEvent(data), undefined, String(data));
  }
  t.end();
});
