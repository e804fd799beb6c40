import fc from 'fast-check';
import t from 'tap';
import { isAway, sentenceOf, type IngestFault } from '../../../cameras/ingest/fault.ts';
import { formatIngestNote, parseIngestNote, type IngestNote } from '../../../cameras/ingest/ingest-note.ts';

const NOTE: IngestNote = {
  deviceId: 'd1',
  producer: 'whep',
  location: '/whep/abc',
  etag: '"e1"',
  tunnelId: 't1',
};

t.test('a note comes back as it was written', (t) => {
  t.same(parseIngestNote(formatIngestNote(NOTE), 'd1'), NOTE);
  const ws: IngestNote = { deviceId: 'd1', producer: 'ws', tunnelId: 't1' };
  t.same(parseIngestNote(formatIngestNote(ws), 'd1'), ws);
  t.end();
});

t.test('anything else is no note', (t) => {
  const wrong: [string, string][] = [
    ['empty', ''],
    ['no JSON', 'whep'],
    ['another device', formatIngestNote({ ...NOTE, deviceId: 'd2' })],
    ['another path', JSON.stringify({ ...NOTE, location: '/api/turn' })],
    ['no tunnel', JSON.stringify({ ...NOTE, tunnelId: undefined })],
    ['too long', JSON.stringify({ ...NOTE, more: 'x'.repeat(5000) })],
  ];
  for (const [name, text] of wrong) t.equal(parseIngestNote(text, 'd1'), undefined, name);
  fc.assert(fc.property(fc.string(), (text) => parseIngestNote(text, 'd1') === undefined));
  t.end();
});

t.test('every fault has one sentence that fits the contract', (t) => {
  const faults: IngestFault[] = [
    'offline',
    'tunnel-closed',
    'engine-away',
    'sfu-away',
    'returning',
    'camera-busy',
    'camera-refused',
    'camera-timeout',
    'camera-unreachable',
    'camera-protocol',
    'session-ended',
    'no-connection',
    'connection-lost',
    'no-picture',
    'sfu-refused',
  ];
  for (const fault of faults) t.match(sentenceOf(fault), /^The [^\n]{10,298}\.$/, fault);
  t.equal(new Set(faults.map(sentenceOf)).size, faults.length);
  t.ok(isAway('offline'));
  t.notOk(isAway('camera-busy'));
  t.end();
});
