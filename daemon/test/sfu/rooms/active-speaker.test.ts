/** Who speaks: the level of audio packets, the loudest with inertia, and what a room is told. */
import t from 'tap';
import { AudioLevel } from '../../../sfu/media/core/audio-level.ts';
import { ActiveSpeaker } from '../../../sfu/rooms/active-speaker.ts';
import { Rooms } from '../../../sfu/rooms/rooms.ts';

t.test('the level is smoothed and forgotten', (t) => {
  const level = new AudioLevel();
  t.equal(level.at(0), 0);
  level.note(0x80 | 30, 1000);
  t.equal(level.at(1000), 97, 'the voice bit is no part of it');
  level.note(127, 1020);
  t.ok(level.at(1020) > 80, 'one silent packet is no silence');
  for (let at = 0; at < 30; at += 1) level.note(127, 1040 + at * 20);
  t.ok(level.at(1640) > 80, 'who looks once a second misses nothing');
  for (let at = 30; at < 110; at += 1) level.note(127, 1040 + at * 20);
  t.ok(level.at(3240) < 5, `${level.at(3240)}`);
  t.equal(level.at(9000), 0);
  t.end();
});

t.test('the loudest speaks; a cough takes the word from nobody', (t) => {
  const speaker = new ActiveSpeaker();
  const heard = (ada: number, bob: number): Map<string, number> =>
    new Map([
      ['ada', ada],
      ['bob', bob],
    ]);
  t.equal(speaker.update(heard(20, 30), 0), false, 'room noise');
  t.equal(speaker.update(heard(90, 30), 1000), true);
  t.equal(speaker.current, 'ada');
  t.equal(speaker.update(heard(90, 94), 2000), false, 'not much louder');
  t.equal(speaker.update(heard(90, 100), 3000), true);
  t.equal(speaker.current, 'bob');
  t.equal(speaker.update(heard(20, 20), 4000), false, 'a pause for breath');
  t.equal(speaker.update(heard(20, 20), 8000), true);
  t.equal(speaker.current, null);
  t.equal(speaker.update(heard(85, 0), 9000), true);
  t.equal(speaker.update(new Map(), 9500), true, 'who has left does not speak');
  t.equal(speaker.current, null);
  t.end();
});

t.test('a room is told once; muted tracks are not heard', (t) => {
  const limits = {
    rooms: 9,
    participantsPerRoom: 9,
    tracksPerParticipant: 9,
    publishersPerRoom: 8,
    subscriptionsPerSession: 9,
  };
  let ids = 0;
  const rooms = new Rooms({ limits, newId: () => `p${ids++}` });
  for (const sessionId of ['s0', 's1']) {
    const who = { identity: sessionId, name: '', role: 'publisher' as const, rooms: null };
    rooms.participants.join({ sessionId, who }, { roomId: 'r', subscribe: 'none' }, 0);
  }
  rooms.tracks.publish({
    trackId: 'voice',
    roomId: 'r',
    participantId: 'p0',
    identity: 's0',
    kind: 'audio',
    source: 'microphone',
    mimeType: 'audio/opus',
    fmtp: '',
    muted: false,
  });
  const told = (loudness: number, nowMs: number): unknown[] => rooms.updateSpeakers(() => loudness, nowMs);
  t.same(told(10, 0), []);
  const frame = { type: 'active-speaker', roomId: 'r', participantId: 'p0' };
  t.same(told(100, 1000), [
    { type: 'frame', sessionId: 's0', frame },
    { type: 'frame', sessionId: 's1', frame },
  ]);
  t.same(told(100, 2000), []);
  const late = { sessionId: 's2', who: { identity: 's2', name: '', role: 'viewer' as const, rooms: null } };
  const entered = rooms.participants.join(late, { roomId: 'r', subscribe: 'none' }, 2500);
  const own = entered.flatMap((one) => (one.type === 'frame' && one.sessionId === 's2' ? [one.frame] : []));
  t.match(own, [{ type: 'welcome' }, frame], 'who comes later is told who speaks');
  t.match(rooms.participants.welcomeAgain('s2'), [{ type: 'welcome' }, frame], 'who resumes, too');
  rooms.participants.leave('s2', 'r', 2500);
  rooms.tracks.setMuted('s0', 'voice', true);
  t.equal(told(100, 3000).length, 2);
  t.same(told(100, 4000), []);
  t.end();
});
