/** The chain of the audit on the real store: whoever changes the database behind the daemon's back is found. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Audit } from '../../identity/audit.ts';
import { SqliteAuditStore } from '../../store/sqlite/audit-store.ts';
import { openDatabase, type SqliteDatabase } from '../../store/sqlite/database.ts';
import { FakeClock } from '../helpers/fake-clock.ts';

const KEY = Buffer.alloc(32, 1);

function audit(t: Test, options: { lines?: number; maxLines?: number } = {}) {
  const database = openDatabase(':memory:');
  t.teardown(() => database.close());
  const clock = new FakeClock();
  const store = new SqliteAuditStore(database);
  const { maxLines } = options;
  const made = new Audit({ store, key: KEY, clock, ...(maxLines === undefined ? {} : { maxLines }) });
  const add = (count: number): void => {
    for (let at = 0; at < count; at += 1) {
      made.record({ actor: 'alice', action: 'camera.create', namespace: 'a', subject: `cam-${String(at)}` });
      clock.advance(1000);
    }
  };
  add(options.lines ?? 10);
  return { database, store, audit: made, clock, add };
}

/** As somebody would who may write the file: the triggers are no wall for them. */
function behindItsBack(database: SqliteDatabase, sql: string): void {
  database.exec('DROP TRIGGER IF EXISTS audit_no_update; DROP TRIGGER IF EXISTS audit_no_delete;');
  database.exec(sql);
}

t.test('lines follow each other, newest first in the list, page by page', async (t) => {
  const { audit: made } = audit(t, { lines: 5 });
  const first = made.list({ limit: 3 });
  t.strictSame([first.items.map(({ seq }) => seq), first.next], [[5, 4, 3], 3]);
  const rest = made.list({ limit: 3, before: 3 });
  t.strictSame([rest.items.map(({ seq }) => seq), rest.next], [[2, 1], null]);
  t.match(rest.items[0], {
    actor: 'alice',
    action: 'camera.create',
    subject: 'cam-1',
    outcome: 'ok',
    detail: {},
  });
  t.equal(rest.items[0]?.prevHash, rest.items[1]?.hash);
  t.strictSame(made.list({ limit: 3, actor: 'bob' }).items, []);
  t.match(await made.verify(), { intact: true, lines: 5, first: 1, last: 5, problems: [] });
});

t.test('an empty audit is intact', async (t) => {
  const { audit: made } = audit(t, { lines: 0 });
  t.match(await made.verify(), { intact: true, lines: 0, mark: null });
});

t.test('the database itself refuses to change or drop a line', (t) => {
  const { database } = audit(t);
  t.throws(() => database.exec("UPDATE audit SET actor = 'bob' WHERE seq = 3"), /append-only/);
  t.throws(() => database.exec('DELETE FROM audit WHERE seq = 3'), /append-only/);
  t.end();
});

const FAULTS: [string, string, RegExp[]][] = [
  ['a changed actor', "UPDATE audit SET actor = 'bob' WHERE seq = 4", [/^Line 4 was changed\.$/]],
  [
    'a changed outcome of the last',
    "UPDATE audit SET outcome = 'refused' WHERE seq = 10",
    [/^Line 10 was changed/],
  ],
  ['a changed time of the first', 'UPDATE audit SET at_ms = 0 WHERE seq = 1', [/^Line 1 was changed/]],
  ['a removed line', 'DELETE FROM audit WHERE seq = 4', [/^Line 4 was removed/]],
  ['removed lines', 'DELETE FROM audit WHERE seq IN (4, 5, 6)', [/^Lines 4 to 6 were removed/]],
  ['the first one removed', 'DELETE FROM audit WHERE seq = 1', [/^Line 1 was removed/]],
  ['the last ones removed', 'DELETE FROM audit WHERE seq > 8', [/^Lines 9 to 10 were removed/]],
  ['all removed', 'DELETE FROM audit', [/^Lines 1 to 10 were removed/]],
  [
    'two lines that changed places',
    'UPDATE audit SET seq = 99 WHERE seq = 4; UPDATE audit SET seq = 4 WHERE seq = 7; UPDATE audit SET seq = 7 WHERE seq = 99',
    [/^Line 4 was line 7 when/, /^Line 7 was line 4 when/],
  ],
  [
    'a removed line, and the others moved up',
    'DELETE FROM audit WHERE seq = 9; UPDATE audit SET seq = 9 WHERE seq = 10',
    [/^Line 9 was line 10 when/, /^Line 10 was removed/],
  ],
  [
    'an older head',
    "DELETE FROM audit WHERE seq > 8; UPDATE audit_marks SET seq = 8, hash = (SELECT hash FROM audit WHERE seq = 8) WHERE name = 'head'",
    [/^The mark of the newest line was changed/],
  ],
  ['no head', "DELETE FROM audit_marks WHERE name = 'head'", [/^The mark of the newest line is gone/]],
  [
    'a line of somebody else at the end',
    "INSERT INTO audit SELECT 11, at_ms, 'bob', action, namespace, subject, outcome, detail, hash, hash FROM audit WHERE seq = 10",
    [/^Line 11 was changed/, /^Lines after 10 were not written/],
  ],
];
for (const [what, sql, sentences] of FAULTS) {
  t.test(`finds ${what}, at once and after more was written`, async (t) => {
    const { database, audit: made, add } = audit(t);
    behindItsBack(database, sql);
    const found = await made.verify();
    t.equal(found.intact, false);
    sentences.forEach((sentence, at) => t.match(found.problems[at]?.message, sentence));
    t.equal(found.problems.length, sentences.length, JSON.stringify(found.problems));
    add(3);
    t.equal((await made.verify()).intact, false, 'the break stays');
  });
}

t.test('any changed byte of any column is found', async (t) => {
  const columns = ['at_ms', 'actor', 'action', 'namespace', 'subject', 'detail', 'prev_hash', 'hash'];
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 10 }), fc.constantFrom(...columns), async (seq, column) => {
      const { database, audit: made } = audit(t);
      const value = column === 'at_ms' ? 'at_ms + 1' : `${column} || 'x'`;
      behindItsBack(database, `UPDATE audit SET ${column} = ${value} WHERE seq = ${String(seq)}`);
      const { intact, problems } = await made.verify();
      return !intact && problems.some((one) => one.seq === seq);
    }),
    { numRuns: 40 },
  );
});

t.test('a line that was noted down elsewhere shows an audit that was put back or made anew', async (t) => {
  const { database, audit: made, add } = audit(t);
  const { mark } = await made.verify();
  add(2);
  t.equal((await made.verify(mark!)).intact, true);
  behindItsBack(database, 'DELETE FROM audit; DELETE FROM audit_marks');
  add(3);
  t.equal((await made.verify()).intact, true, 'nothing in here says otherwise');
  t.match((await made.verify(mark!)).problems, [{ seq: 10, kind: 'removed' }]);
  add(20);
  t.match((await made.verify(mark!)).problems, [{ seq: 10, kind: 'changed' }]);
});

t.test('the oldest lines go, and what is kept still closes', async (t) => {
  const { audit: made, add, database } = audit(t, { lines: 0, maxLines: 20 });
  add(100);
  const kept = await made.verify();
  t.match(kept, { intact: true, last: 100 });
  t.ok(kept.lines >= 20 && kept.lines < 40, `${String(kept.lines)} are kept`);
  t.equal(kept.first, 100 - kept.lines + 1);
  t.equal(
    (await made.verify(`3:${'0'.repeat(64)}`)).intact,
    true,
    'what is older than the anchor cannot be asked for',
  );
  behindItsBack(database, `DELETE FROM audit WHERE seq = ${String(kept.first)}`);
  t.match((await made.verify()).problems, [{ seq: kept.first, kind: 'removed' }]);
  behindItsBack(database, "UPDATE audit_marks SET seq = seq + 1 WHERE name = 'anchor'");
  t.match((await made.verify()).problems[0], { kind: 'broken', message: /no longer kept was changed/ });
});

t.test('refusals and grants are bounded, and what was left out is counted', (t) => {
  const { audit: made, clock } = audit(t, { lines: 0 });
  const refused = (): void => {
    made.record({
      actor: '-',
      action: 'session.open',
      outcome: 'refused',
      gate: { kind: 'stranger', key: '' },
    });
  };
  for (let at = 0; at < 500; at += 1) refused();
  t.equal(made.list({ limit: 1000 }).items.length, 60);
  made.record({ actor: 'alice', action: 'user.create' });
  clock.advance(3600_000);
  refused();
  t.match(made.list({ limit: 1 }).items, [{ seq: 62, detail: { leftOutBefore: 440 } }]);
  t.end();
});
