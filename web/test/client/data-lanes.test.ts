/** Data messages of a page: on which connection they go, and what becomes of them when the server says no. */
import t from 'tap';
import { clientOnFakes as setup } from './client-on-fakes.ts';
import { settle } from './fake-timers.ts';

const welcome = (roomId: string) => ({
  ...{ roomId, participantId: 'me', participants: [], tracks: [], sourceLost: null },
});
async function joined(...roomIds: string[]) {
  const all = setup();
  const rooms = roomIds.map((roomId) => all.client.join(roomId));
  await all.begin();
  for (const roomId of roomIds) all.socket().receive('welcome', welcome(roomId));
  const errors: unknown[] = [];
  all.client.on('error', (error) => errors.push(error));
  /** Answers the newest question for a room's channels. */
  const answer = async (roomId: string, type: 'data-open' | 'error', data: object): Promise<void> => {
    const asked = all
      .socket()
      .of('open-data')
      .findLast((one) => one['roomId'] === roomId);
    all.socket().receive(type, { requestId: asked?.['requestId'], ...data });
    await settle();
  };
  return { ...all, rooms, errors, answer };
}
const OPEN = { maxMessageBytes: 16_384, messagesPerSecond: 50, bytesPerSecond: 262_144, channels: 4 };
const CONFLICT = { code: 'conflict', message: 'Set it to 1.' };

t.test('each room goes by the connection of its worker', async (t) => {
  const { rooms, socket, connections, answer } = await joined('a', 'b', 'c');
  const sent = rooms.map((room) => room.sendData(room.roomId));
  for (const [at, roomId] of ['a', 'b', 'c'].entries()) {
    await answer(roomId, 'data-open', { ...OPEN, connectionId: `${at % 2}.1` });
  }
  t.equal(connections.length, 2, 'rooms of one worker share its connection');
  t.same(
    connections.map(({ channels }) => channels.map(({ label }) => label)),
    [
      ['true', 'false'],
      ['true', 'false'],
    ],
  );
  connections[0]!.channels[0]!.opens();
  await sent[0];
  await sent[2];
  t.same(connections[1]!.channels[0]!.sent, []);
  connections[1]!.channels[0]!.opens();
  await sent[1];
  const roomsOf = (at: number) =>
    connections[at]!.channels[0]!.sent.map((message) => String.fromCharCode(message[2]!));
  t.same([roomsOf(0), roomsOf(1)], [['a', 'c'], ['b']]);

  // The worker of "b" dies: the room is in another, and is asked for again.
  const ended = { code: 'unavailable', message: 'The worker has ended.', connection: 'subscribe' };
  socket().receive('error', { ...ended, connectionId: '1.1' });
  const before = socket().of('open-data').length;
  socket().receive('welcome', welcome('b'));
  t.match(socket().of('open-data').slice(before), [{ roomId: 'b' }]);
  const again = rooms[1]!.sendData('again');
  await answer('b', 'data-open', { ...OPEN, connectionId: '0.1' });
  await again;
  t.same(roomsOf(0), ['a', 'c', 'b']);
});

t.test('a refusal reaches who sends, in the words of the server', async (t) => {
  const { rooms, socket, errors, answer, timers } = await joined('a');
  const [room] = rooms;
  const sent = [room!.sendData('one'), room!.sendData('two')];
  for (const one of sent) one.catch(() => undefined);
  t.equal(socket().of('open-data').length, 1);
  await answer('a', 'error', CONFLICT);
  for (const one of sent) await t.rejects(one, { name: 'RequestError', ...CONFLICT });
  await t.rejects(room!.sendData('three', { reliable: false }), CONFLICT);
  t.equal(socket().of('open-data').length, 1, 'a pointer that moves does not ask each time');
  t.match(errors, [{ ...CONFLICT, roomId: 'a' }], 'once to who listens');
  await timers.advance(1000);
  room!.sendData('four').catch(() => undefined);
  t.equal(socket().of('open-data').length, 2, 'later it is asked anew');
});

t.test('a page that only listens is told by the event', async (t) => {
  const { rooms, errors, answer } = await joined('a');
  rooms[0]!.on('data', () => undefined);
  await answer('a', 'error', { code: 'forbidden', message: 'You may not.' });
  t.same(errors, [{ code: 'forbidden', message: 'You may not.', roomId: 'a' }]);
});

t.test('nothing waits for ever', async (t) => {
  const { client, rooms, socket, timers, answer, connection } = await joined('a', 'b');
  const late = rooms[0]!.sendData('late');
  late.catch(() => undefined);
  await answer('a', 'data-open', OPEN);
  const unanswered = rooms[1]!.sendData('nobody answers');
  unanswered.catch(() => undefined);
  for (let at = 0; at < 3; at += 1) {
    await timers.advance(10_000);
    socket().receive('pong', {});
  }
  for (const one of [late, unanswered]) {
    await t.rejects(one, { code: 'unavailable', message: /did not answer/ });
  }
  connection().channels[0]!.opens();
  await rooms[0]!.sendData('on time');

  const refused = client.join('c');
  await t.rejects(refused.sendData('early'), { code: 'unavailable', message: /try again/ });
  const { requestId } = socket().of('join').at(-1)!;
  socket().receive('error', { requestId, code: 'room_limit', message: 'There are 200 rooms.' });
  await t.rejects(refused.sendData('again'), { code: 'unavailable', message: 'There are 200 rooms.' });
  refused.leave();
  await t.rejects(refused.sendData('gone'), { code: 'unavailable' });
});
