/** What TURN refused to a viewer is the sentence of its missing relay. */
import t from 'tap';
import type { RoomViewer } from '../../contract/rooms.ts';
import type { TurnRefusal } from '../../contract/turn-operations.ts';
import { waitsForRelay, withRefusal } from '../../namespaces/refused-allocations.ts';

const SINCE_MS = Date.UTC(2026, 0, 2, 14, 0, 0);
const viewer = (missing: 'allocation' | 'packet' | null = 'allocation'): RoomViewer => ({
  ...{ participantId: 'p', identity: 'key:4711', figures: {}, sent: {} },
  timelines: [
    {
      ...{ trackId: 't', kind: 'video', missing, sentence: 'It has no relay.' },
      steps: [{ id: 'credential', done: true, atMs: SINCE_MS }],
    },
  ],
});
const refusal = (change: Partial<TurnRefusal> = {}): TurnRefusal => ({
  ...{ atMs: SINCE_MS + 2000, method: 'Allocate', code: 486, client: '192.0.2.7:5000' },
  ...{ username: '1767400000:demo:key_4711', reason: 'quota' },
  ...{ sentence: 'the limit sessionsPerSubject is reached', ...change },
});
const sentence = (refusals: TurnRefusal[], of = viewer()): string =>
  withRefusal(of, 'demo', refusals).timelines[0]!.sentence;

t.test('a quota and a credential that does not hold are quoted, the newest first', (t) => {
  const quota =
    'It has no relay: TURN refused it one with 486 at 14:00:02 UTC, because the limit sessionsPerSubject is reached.';
  t.equal(sentence([refusal()]), quota);
  const why = 'the password does not belong to the username';
  const credential = refusal({ code: 401, reason: 'credential', sentence: why });
  t.match(sentence([credential, refusal()]), /with 401 .* because the password does not belong/);
  t.end();
});

t.test('refusals of others, of other requests and of long ago are none of its own', (t) => {
  for (const other of [
    refusal({ username: '1767400000:demo:key_4712' }),
    refusal({ username: '1767400000:other:key_4711' }),
    refusal({ username: '1767400000:demo' }),
    refusal({ username: null }),
    refusal({ username: 'key:4711' }),
    refusal({ method: 'CreatePermission' }),
    refusal({ atMs: SINCE_MS - 60_000 }),
  ]) {
    t.equal(sentence([other]), 'It has no relay.', JSON.stringify(other));
  }
  t.end();
});

t.test('only who waits for a relay is told so', (t) => {
  t.ok(waitsForRelay(viewer()));
  t.notOk(waitsForRelay(viewer('packet')));
  t.equal(sentence([refusal()], viewer('packet')), 'It has no relay.');
  t.equal(sentence([refusal()], viewer(null)), 'It has no relay.');
  t.end();
});
