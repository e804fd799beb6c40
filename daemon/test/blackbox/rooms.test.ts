/** Rooms through the whole product: the API and the gateway of a real daemon, a real SFU behind them. */
import t from 'tap';
import type { RoomList, RoomView } from '../../contract/rooms.ts';
import type { ApiError } from '../../../cli/api-client.ts';
import { Appliance } from '../helpers/appliance.ts';
import type { AuditList } from '../../contract/audit.ts';
import { SignalingClient } from '../helpers/sfu-signaling-client.ts';

t.setTimeout(170_000);
const ADDRESS = '127.0.49.1';
const ROOMS = '/v1/webrtc/rooms';

t.test('rooms', async (t) => {
  const box = await Appliance.start(t, ADDRESS, { rooms: { creation: 'api' } });
  t.match(await box.enableNamespace('demo'), { state: 'succeeded' });
  const list = async (): Promise<string[]> =>
    (await box.api.get<RoomList>(`${ROOMS}?namespace=demo`)).rooms.map(({ roomId }) => roomId);
  const room = (roomId: string) => box.api.get<RoomView>(`${ROOMS}/${roomId}?namespace=demo`);
  const enter = async (more: object = {}, query = '') => {
    const { ticket } = await box.api.post<{ ticket: string }>('/v1/webrtc/tickets', {
      namespace: 'demo',
      ...more,
    });
    const client = await SignalingClient.open(
      `ws://${ADDRESS}:8080/v1/webrtc/signal?ticket=${ticket}${query}`,
    );
    t.teardown(() => {
      client.terminate();
    });
    return client;
  };

  await t.test('are made by the API, entered, shown and closed', async (t) => {
    const client = await enter({}, '&room=lobby');
    client.send('join', { roomId: 'lobby', requestId: '1' });
    t.match(await client.next('error'), { code: 'room_not_found', requestId: '1', message: /POST/ });
    t.match(await box.api.post(ROOMS, { namespace: 'demo', roomId: 'lobby', emptyTimeoutSeconds: null }), {
      ...{ roomId: 'lobby', namespace: 'demo', node: 'local', participants: [] },
    });
    const failure = await box.api
      .post(ROOMS, { namespace: 'demo', roomId: 'lobby' })
      .catch((error: unknown) => error as ApiError);
    t.match(failure, { status: 409, code: 'room_exists' });
    client.send('join', { roomId: 'lobby' });
    const { participantId } = await client.next('welcome');
    t.match(await room('lobby'), {
      participants: [{ participantId, identity: 'local', kind: 'session', connected: true, tracks: [] }],
    });
    const named = await box.api.post<RoomView>(ROOMS, { namespace: 'demo' });
    t.same((await list()).sort(), ['lobby', named.roomId].sort());
    await box.api.delete(`${ROOMS}/${named.roomId}?namespace=demo`);
    t.same(await list(), ['lobby']);
  });

  await t.test('tell why a viewer sees nothing', async (t) => {
    const client = await enter();
    client.send('join', { roomId: 'lobby' });
    const { participantId } = await client.next('welcome');
    const path = `${ROOMS}/lobby/viewers?namespace=demo&participant=`;
    t.match(await box.api.get(`${path}${participantId as string}`), {
      roomId: 'lobby',
      viewers: [
        { participantId, timelines: [{ missing: 'allocation', sentence: 'Nobody publishes in this room.' }] },
      ],
    });
    const none = await box.api.get(`${path}p_none`).catch((error: unknown) => error as ApiError);
    t.match(none, { status: 404, code: 'participant_not_found' });
    client.close();
    await client.closed;
  });

  await t.test('tickets say what may be done; who is sent away stays away', async (t) => {
    const admin = await enter({ may: ['admin', 'subscribe'], rooms: ['lobby'] });
    admin.send('join', { roomId: 'elsewhere' });
    t.match(await admin.next('error'), { code: 'forbidden' });
    admin.send('join', { roomId: 'lobby' });
    await admin.next('welcome');
    const guest = await enter({ may: ['subscribe'] });
    guest.send('join', { roomId: 'lobby' });
    const { participantId } = await guest.next('welcome');
    guest.send('offer', { sdp: 'v=0', roomId: 'lobby' });
    t.match(await guest.next('error'), { code: 'forbidden', message: /not publish/ });
    guest.send('kick', { roomId: 'lobby', participantId, requestId: 'k' });
    t.match(await guest.next('error'), { code: 'forbidden', requestId: 'k' });

    admin.send('mute', { roomId: 'lobby', participantId, muted: true, requestId: 'm' });
    t.match(await admin.next('done'), { requestId: 'm' });
    admin.send('kick', { roomId: 'lobby', participantId, forSeconds: 0, reason: 'Once.', requestId: 'k' });
    t.match(await guest.next('kicked'), { roomId: 'lobby', reason: 'Once.' });
    t.match(await admin.next('peer-left'), { participantId, kicked: 'Once.' }, 'the others are told why');
    t.match(await admin.next('done'), { requestId: 'k' });
    guest.send('join', { roomId: 'lobby' });
    const again = await guest.next('welcome');
    const path = `${ROOMS}/lobby/kick?namespace=demo`;
    const body = { participantId: again['participantId'], forSeconds: 600 };
    t.match(await box.api.post(path, body), { ended: 3 }, 'all of them are the same person here');
    await guest.next('kicked');
    guest.send('join', { roomId: 'lobby', requestId: 'j' });
    t.match(await guest.next('error'), { code: 'kicked', requestId: 'j', message: /come back in/ });
    t.match((await room('lobby')).participants, []);
  });

  await t.test('a moderator in it closes a room, others do not', async (t) => {
    await box.api.post(ROOMS, { namespace: 'demo', roomId: 'short' });
    const guest = await enter({ may: ['subscribe'] });
    guest.send('join', { roomId: 'short' });
    await guest.next('welcome');
    guest.send('close', { roomId: 'short', requestId: 'c' });
    t.match(await guest.next('error'), { code: 'forbidden', requestId: 'c' });
    const admin = await enter({ may: ['admin'], rooms: ['short'] });
    admin.send('join', { roomId: 'short' });
    await admin.next('welcome');
    admin.send('close', { roomId: 'short', reason: 'The visit is over.', requestId: 'c' });
    t.match(await guest.next('kicked'), { roomId: 'short', reason: 'The visit is over.' });
    t.match(await admin.next('done'), { requestId: 'c' });
    await box.until('what moderators did over their sockets is in the audit', async () => {
      const { items } = await box.api.get<AuditList>('/v1/audit?namespace=demo&limit=100');
      const said = items.filter(({ detail }) => detail['by'] === 'signaling');
      return ['room.close', 'room.kick', 'room.mute'].every((name, at) => said[at]?.action === name);
    });
    await box.until('the room is gone', async () => !(await list()).includes('short'));
  });

  await t.test('that were made on purpose come back with another SFU process, and so do bans', async (t) => {
    const { sfu } = await box.status('demo');
    process.kill(sfu!.pid!, 'SIGKILL');
    await box.until('the room is back', async () => {
      const found = await room('lobby').catch(() => undefined);
      return found?.participants.length === 0;
    });
    t.match(await room('lobby'), { settings: { emptyTimeoutSeconds: null }, node: 'local' });
    await box.until('who was sent away is kept out', async () => {
      const guest = await enter();
      guest.send('join', { roomId: 'lobby' });
      return /come back in/.test(String((await guest.next('error'))['message']));
    });
    const { key } = await box.api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
      ...{ name: 'somebody else', role: 'operator' },
    });
    const client = await SignalingClient.open(`ws://${ADDRESS}:8080/v1/webrtc/signal?api_key=${key}`);
    t.teardown(() => {
      client.terminate();
    });
    client.send('join', { roomId: 'lobby' });
    await client.next('welcome');
    await box.api.delete(`${ROOMS}/lobby?namespace=demo`);
    t.match(await client.next('kicked'), { roomId: 'lobby', reason: 'The room was closed.' });
    t.same(await list(), []);
  });
});
