/** Live events: snapshot, changes, gaps; and cameras in words. */
import t from 'tap';
import type { Device, LiveEvent } from '../../../daemon/contract/api.ts';
import {
  applyLiveEvent,
  captureText,
  deleteConsequence,
  deviceFacts,
  deviceState,
  lastSeenText,
  sortedDevices,
  wallState,
  type LiveData,
} from '../../src/actions/live-state.ts';

const NOW = Date.UTC(2026, 8, 14, 12);
const camera = (id: string, change: Partial<Device> = {}): Device => ({
  id,
  namespace: 'demo',
  name: `Camera ${id}`,
  owner: 'mara',
  secretPrefix: 'dev_',
  tunnelName: `device-${id}`,
  online: true,
  state: 'online',
  onlineSince: new Date(NOW).toISOString(),
  lastSeenAt: new Date(NOW).toISOString(),
  createdAt: new Date(NOW - Number(id)).toISOString(),
  capture: { mode: 'on-demand', lingerSeconds: 30 },
  media: { state: 'idle', sinceMs: NOW, message: null, producer: null, watching: 0 },
  ...change,
});
const snapshot = (devices: Device[], seq = 1): LiveEvent => ({
  type: 'snapshot',
  seq,
  serverTime: new Date(NOW).toISOString(),
  user: { name: 'mara', role: 'owner' },
  namespaces: [],
  devices,
  operations: [],
});
const after = (...events: LiveEvent[]): LiveData => {
  let data: LiveData | null = null;
  events.forEach((event, index) => {
    const applied = applyLiveEvent(data, event, NOW + index * 1000);
    if (applied.kind === 'gap') throw new Error(`gap at ${index}`);
    data = applied.data;
  });
  return data as unknown as LiveData;
};

t.test('a missed event is a gap, and so is an event without a snapshot', (t) => {
  const data = after(snapshot([camera('1')]));
  t.equal(applyLiveEvent(data, { type: 'device', seq: 3, device: camera('1') }, NOW).kind, 'gap');
  t.equal(applyLiveEvent(null, { type: 'device', seq: 1, device: camera('1') }, NOW).kind, 'gap');
  t.equal(applyLiveEvent(data, { type: 'device', seq: 2, device: camera('1') }, NOW).kind, 'applied');
  t.end();
});

t.test('remembers when a camera went offline, over a new snapshot too', (t) => {
  const offline = camera('1', { state: 'offline', online: false });
  const data = after(snapshot([camera('1')]), { type: 'device', seq: 2, device: offline });
  t.equal(deviceFacts(data, '1')?.offlineSinceMs, NOW + 1000);
  const again = applyLiveEvent(data, snapshot([offline], 9), NOW + 60_000);
  t.equal(again.kind === 'applied' && again.data.offlineSinceMs.get('1'), NOW + 1000);
  const whileAway = applyLiveEvent(after(snapshot([camera('1')])), snapshot([offline], 9), NOW + 60_000);
  t.equal(whileAway.kind === 'applied' && whileAway.data.offlineSinceMs.get('1'), NOW + 60_000);
  const back = applyLiveEvent(data, { type: 'device', seq: 3, device: camera('1') }, NOW);
  t.equal(back.kind === 'applied' && deviceFacts(back.data, '1')?.offlineSinceMs, null);
  t.equal(
    deviceFacts(after(snapshot([offline])), '1')?.offlineSinceMs,
    null,
    'unknown when it was so from the start',
  );
  t.end();
});

t.test('a deleted camera is still known as deleted', (t) => {
  const data = after(snapshot([camera('1'), camera('2')]), { type: 'device-removed', seq: 2, id: '1' });
  t.same(
    sortedDevices(data).map((one) => one.id),
    ['2'],
  );
  t.match(deviceFacts(data, '1')?.gone, { reason: 'deleted', atMs: NOW + 1000 });
  t.equal(deviceFacts(data, '3'), null);
  const gone = applyLiveEvent(after(snapshot([camera('1')])), snapshot([], 5), NOW);
  t.equal(gone.kind === 'applied' && deviceFacts(gone.data, '1')?.gone?.reason, 'deleted');
  t.end();
});

t.test('events do not change the state they are applied to', (t) => {
  const data = after(snapshot([camera('1')]));
  applyLiveEvent(data, { type: 'device', seq: 2, device: camera('1', { name: 'Other' }) }, NOW);
  applyLiveEvent(data, { type: 'device-removed', seq: 2, id: '1' }, NOW);
  t.equal(data.devices.get('1')?.name, 'Camera 1');
  t.end();
});

t.test('cameras in words', (t) => {
  const media = (state: Device['media']['state']) => ({ ...camera('1').media, state });
  const words = (change: Partial<Device>) => deviceState(camera('1', change), NOW);
  t.same(words({}), { state: 'idle', label: 'Ready' });
  t.same(words({ media: media('live') }), { state: 'live', label: 'Live' });
  t.same(words({ media: media('connecting') }).state, 'connecting');
  t.same(words({ media: media('reconnecting') }).label, 'Reconnecting');
  t.same(words({ media: media('no-picture') }), { state: 'degraded', label: 'Online, no picture' });
  t.same(words({ state: 'unknown' }), { state: 'unknown', label: 'Unknown' });
  t.same(words({ state: 'offline', lastSeenAt: null }), { state: 'idle', label: 'Never connected' });
  t.equal(wallState(camera('1', { state: 'offline', lastSeenAt: null }), NOW), 'offline', 'as its tile says');
  t.equal(wallState(camera('1'), NOW), 'idle');
  t.match(words({ state: 'offline' }).label, /^Offline since \d\d:\d\d$/);
  t.equal(captureText(camera('1')), 'on demand, 30 s');
  t.equal(captureText(camera('1', { capture: { mode: 'always' } })), 'always');
  t.equal(lastSeenText(camera('1'), NOW), 'now');
  t.match(lastSeenText(camera('1', { state: 'offline' }), NOW + 3_600_000), /1 h ago/);
  t.match(
    deleteConsequence(camera('1', { media: { ...media('live'), watching: 2 } })),
    /2 viewers are disconnected.*permanent/,
  );
  t.end();
});
