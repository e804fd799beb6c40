import t from 'tap';
import type { Watch } from '../../../contract/control.ts';
import { WatchJournal } from '../../../sfu/signaling/watch-journal.ts';

t.test('one watch for each session and room, told when it begins and when it is over for good', (t) => {
  const told: Watch[] = [];
  const clock = { nowMs: 1000 };
  const journal = new WatchJournal({ nowMs: () => clock.nowMs, tell: (watch) => told.push(watch) });
  const who = { sessionId: 's', roomId: 'camera:1', identity: 'alice' };
  journal.watch({ ...who, trackId: 'video' });
  journal.watch({ ...who, trackId: 'audio' });
  t.match(told, [{ identity: 'alice', roomId: 'camera:1', sinceMs: 1000, untilMs: null }]);
  t.equal(told.length, 1);

  clock.nowMs = 5000;
  journal.unwatch({ ...who, trackId: 'video' });
  journal.tick();
  journal.unwatch({ ...who, trackId: 'audio' });
  clock.nowMs = 9000;
  journal.tick();
  journal.watch({ ...who, trackId: 'video-2' });
  clock.nowMs = 60_000;
  journal.tick();
  t.equal(told.length, 1, 'a track that is replaced ends nothing');
  t.match(journal.list(), [{ untilMs: null }]);

  journal.unwatch({ ...who, trackId: 'video-2' });
  clock.nowMs = 70_000;
  journal.tick();
  t.match(told[1], { watchId: told[0]!.watchId, sinceMs: 1000, untilMs: 60_000 });
  journal.watch({ ...who, trackId: 'video-2' });
  t.equal(told.length, 3);
  t.not(told[2]!.watchId, told[0]!.watchId);
  t.match(journal.list(), [{ untilMs: 60_000 }, { untilMs: null }]);
  journal.unwatch({ ...who, roomId: 'camera:2', trackId: 'x' });
  t.end();
});
