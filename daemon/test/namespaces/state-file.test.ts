import fc from 'fast-check';
import { createHash } from 'node:crypto';
import t from 'tap';
import type { ClusterState } from '../../contract/state-file.ts';
import { NO_TURN_ACCESS } from '../../contract/turn-access.ts';
import { chooseState, decodeStateFile, encodeStateFile } from '../../namespaces/state-file.ts';

const state = (generation: number): ClusterState => ({
  version: 1,
  generation,
  node: 'local',
  saved_at: '2026-01-02T03:04:05.000Z',
  namespaces: [
    {
      name: 'demo',
      has_sfu: true,
      has_turn: true,
      ports: {
        sfuSignaling: 30000,
        sfuMedia: { minPort: 20000, maxPort: 20499 },
        turnRelay: { minPort: 49152, maxPort: 49951 },
        turn: 3478,
        turns: 5349,
      },
      domain: null,
      credential_ttl_seconds: 600,
      relay_scope: 'sfu',
      sealed_turn_secret: 'v1.c2VhbGVk',
      sealed_ticket_key: 'v1.c2VhbGVkLXRvbw',
      turn_access: { ...NO_TURN_ACCESS, secrets: [{ sealed: 'v1.b2xk', untilMs: 9 }] },
      quota: { memoryMiB: 512 },
    },
  ],
});
const good = encodeStateFile(state(7));
const previous = encodeStateFile(state(6));

t.test('what is written is read again', (t) => {
  t.same(decodeStateFile(good), { ok: true, state: state(7) });
  t.end();
});

t.test('a file of a daemon that knew no older secrets is read', (t) => {
  const older = JSON.stringify(state(7), (key, value: unknown) =>
    key === 'turn_access' ? undefined : value,
  );
  const checksum = createHash('sha256').update(older).digest('hex');
  const decoded = decodeStateFile(`{"checksum":"${checksum}","state":${older}}`);
  t.match(decoded, { ok: true, state: { namespaces: [{ name: 'demo', turn_access: NO_TURN_ACCESS }] } });
  t.end();
});

t.test('a truncated file is refused at every length', (t) => {
  for (let length = 0; length < good.length - 2; length += 1) {
    if (decodeStateFile(good.slice(0, length)).ok) t.fail(`accepted ${length} of ${good.length}`);
  }
  t.pass(`${good.length} lengths`);
  t.end();
});

t.test('a flipped bit anywhere is refused or changes nothing', (t) => {
  const bytes = Buffer.from(good);
  for (let at = 0; at < bytes.length; at += 1) {
    for (let bit = 0; bit < 8; bit += 1) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << bit;
      const decoded = decodeStateFile(flipped.toString('utf8'));
      if (decoded.ok && JSON.stringify(decoded.state) !== JSON.stringify(state(7))) t.fail(`byte ${at}`);
    }
  }
  t.pass(`${bytes.length * 8} bits`);
  t.end();
});

t.test('no text makes the reader throw', (t) => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => !decodeStateFile(text).ok));
  t.notOk(decodeStateFile('null').ok);
  t.notOk(decodeStateFile('{"checksum":"' + '0'.repeat(64) + '"}').ok);
  t.end();
});

t.test('zero ports, unknown keys and newer versions are refused even with a right checksum', (t) => {
  const [demo] = state(7).namespaces;
  const forge = (change: object): string => encodeRaw({ ...state(7), ...change });
  const withDemo = (change: object): string => forge({ namespaces: [{ ...demo, ...change }] });
  t.match(decodeStateFile(withDemo({ ports: { ...demo!.ports, turn: 0 } })), { problem: /ports\.turn/ });
  t.match(decodeStateFile(withDemo({ sealed_turn_secret: '' })), { ok: false });
  t.match(decodeStateFile(forge({ extra: 1 })), { ok: false });
  t.match(decodeStateFile(forge({ version: 2 })), { problem: /newer/ });
  t.end();
});

t.test('the current copy counts, then the previous one, then none; bad copies are told', (t) => {
  t.match(chooseState({ current: good, previous }), { source: 'current', warnings: [] });
  const broken = good.slice(0, 100);
  const fallback = chooseState({ current: broken, previous });
  t.match(fallback, { source: 'previous', state: { generation: 6 } });
  t.match(fallback.warnings.join(' '), /not used: it is cut off.*generation 6/);
  t.match(chooseState({ current: null, previous }).warnings.join(' '), /missing/);
  const none = chooseState({ current: broken, previous: previous.replace('3478', '3479') });
  t.match(none, { source: 'none', state: null });
  t.equal(none.warnings.length, 2);
  t.same(chooseState({ current: null, previous: null }), { source: 'none', state: null, warnings: [] });
  t.end();
});

/** The file as a faulty or newer writer would make it: right checksum, any body. */
function encodeRaw(body: unknown): string {
  const checksum = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return JSON.stringify({ checksum, state: body });
}
