/** Each fault alone: it is found, by its own check, with its severity and a remedy. */
import t from 'tap';
import type { Severity } from '../../contract/diagnosis.ts';
import type { Facts } from '../../health/inspect/facts.ts';
import { findingsOf, inspectionOf } from '../../health/inspect/inspect.ts';
import { healthyFacts, NOW_MS } from '../helpers/inspection-facts.ts';

const DAY_MS = 86_400_000;
const demo = (facts: Facts) => facts.node.namespaces[0]!;
const filed = (facts: Facts) => {
  const { current } = facts.node.stateFile;
  if (current.found !== 'good') throw new Error('no state');
  return current.state;
};
const certificate = (facts: Facts) => facts.certificates[0]!;
const down = { up: false, sentence: 'It does not run.' };

t.test('a healthy node: every check says so', (t) => {
  const findings = findingsOf(healthyFacts());
  t.strictSame(
    findings.map(({ check, severity }) => `${check} ${severity}`),
    [
      'database',
      'state file',
      'ledger',
      'services',
      'units',
      'sockets',
      'addresses',
      'firewall',
      'dns',
      'quotas',
      'relay',
      'certificates',
      'clock',
      'host',
    ].map((check) => `${check} ok`),
  );
  t.ok(inspectionOf(healthyFacts(), { startedMs: 1, endedMs: 3 }).ok);
  t.end();
});

t.test('without a relay nothing is said to be proven', (t) => {
  const findings = findingsOf({ ...healthyFacts(), relays: [] });
  t.match(
    findings.find(({ check }) => check === 'relay'),
    { severity: 'ok', sentence: 'No namespace is on that could relay.' },
  );
  t.end();
});

/** Title, fault -> check, severity, words of the sentence. */
const FAULTS: [string, (facts: Facts) => void, string, Severity, RegExp][] = [
  [
    'the database does not open',
    (f) => f.database.problems.push('It is no database.'),
    'database',
    'failure',
    /no database/,
  ],
  ['its file is gone', (f) => (f.database.file = 'missing'), 'database', 'failure', /is gone/],
  ['its file is another one', (f) => (f.database.file = 'replaced'), 'database', 'failure', /another file/],
  ['it is damaged', (f) => f.database.corruption.push('page 3'), 'database', 'failure', /damaged: page 3/],
  [
    'no state file',
    (f) => (f.node.stateFile.current = { found: 'missing' }),
    'state file',
    'failure',
    /missing/,
  ],
  [
    'a bad state file',
    (f) => (f.node.stateFile.current = { found: 'bad', problem: 'its checksum does not match' }),
    'state file',
    'failure',
    /checksum/,
  ],
  [
    'a bad previous copy',
    (f) => (f.node.stateFile.previous = { found: 'bad', problem: 'cut off' }),
    'state file',
    'warning',
    /previous copy/,
  ],
  [
    'no previous copy',
    (f) => (f.node.stateFile.previous = { found: 'missing' }),
    'state file',
    'warning',
    /previous copy .* missing/,
  ],
  ['a state file of another node', (f) => (filed(f).node = 'other'), 'state file', 'failure', /node "other"/],
  [
    'a namespace that is not in it',
    (f) => (filed(f).namespaces = []),
    'state file',
    'failure',
    /not in the state file/,
  ],
  [
    'a namespace that is in it only',
    (f) => (f.node.stateFile.wanted = []),
    'state file',
    'failure',
    /not enabled with ports/,
  ],
  [
    'other ports in it',
    (f) => (filed(f).namespaces[0]!.ports = { ...filed(f).namespaces[0]!.ports, turn: 3490 }),
    'state file',
    'failure',
    /3478 in the database, 3490 in the state file/,
  ],
  [
    'older settings in it',
    (f) => (filed(f).namespaces[0]!.sealed_turn_secret = 'old'),
    'state file',
    'failure',
    /older settings/,
  ],
  [
    'another generation',
    (f) => (f.node.stateFile.databaseGeneration = 2),
    'state file',
    'failure',
    /generation 4, the database of 2/,
  ],
  ['enabled without ports', (f) => (demo(f).blocks = null), 'ledger', 'failure', /owns no ports/],
  [
    'ports without being enabled',
    (f) =>
      Object.assign(demo(f), {
        desired: null,
        turn: { ...demo(f).turn, report: { ...demo(f).turn.report, pid: null } },
        sfu: { ...demo(f).sfu, report: { ...demo(f).sfu.report, pid: null } },
      }),
    'ledger',
    'failure',
    /owns ports, but WebRTC is off/,
  ],
  [
    'the same ports twice',
    (f) => f.node.claims.push({ ...f.node.claims[0]!, namespace: 'two' }),
    'ledger',
    'failure',
    /"demo" and "two" own the same ports/,
  ],
  [
    'other ports than those of the ledger',
    (f) =>
      (demo(f).turn.answer = {
        listeners: [{ transport: 'udp', address: 'x', port: 4000, open: true }],
      } as never),
    'ledger',
    'failure',
    /port 4000, but the ledger/,
  ],
  [
    'TURN is down',
    (f) => Object.assign(demo(f).turn, down),
    'services',
    'failure',
    /TURN service of "demo" is down/,
  ],
  [
    'the SFU is down',
    (f) => Object.assign(demo(f).sfu, down),
    'services',
    'failure',
    /SFU service of "demo" is down/,
  ],
  [
    'a service comes and goes',
    (f) => (demo(f).sfu.report.restarts = 7),
    'services',
    'warning',
    /restarted 7 times/,
  ],
  ['left half done', (f) => (demo(f).desired = 'disabling'), 'services', 'failure', /half done/],
  [
    'the secrets do not open',
    (f) => (demo(f).broken = 'sealed with another key.'),
    'services',
    'failure',
    /another key/,
  ],
  ['not served', (f) => (demo(f).served = false), 'services', 'failure', /no credentials/],
  [
    'a stranger on a port',
    (f) => (f.holders.get('demo')![0]!.holder = 'coturn, process 4711'),
    'sockets',
    'failure',
    /3478 .* stranger: coturn, process 4711/,
  ],
  [
    'nobody on a port',
    (f) => (f.holders.get('demo')![1]!.holder = undefined),
    'sockets',
    'failure',
    /held by nobody/,
  ],
  [
    'a firewall that is not open',
    (f) => (demo(f).firewallProblem = 'nft is not there.'),
    'firewall',
    'failure',
    /nft is not there/,
  ],
  [
    'rules that somebody took away',
    (f) => (f.node.firewallDrift = 'The table inet turnkeep of nftables is gone.'),
    'firewall',
    'failure',
    /is gone/,
  ],
  [
    'a record that somebody changed',
    (f) => (demo(f).dnsProblem = 'turn.demo.test has 192.0.2.66 instead of 192.0.2.9.'),
    'dns',
    'failure',
    /has 192\.0\.2\.66/,
  ],
  [
    'a record that could not be removed',
    (f) => f.node.dnsDebts.push({ name: 'turn.gone.test', problem: 'The DNS server does not answer.' }),
    'dns',
    'warning',
    /turn\.gone\.test may still lead to this host.*does not answer/,
  ],
  [
    'a unit that somebody masked',
    (f) => f.units.push({ unit: 'turnkeep-sfu@demo.service', subject: 'demo', state: 'masked' }),
    'units',
    'failure',
    /turnkeep-sfu@demo\.service is masked/,
  ],
  [
    'a daemon that does not come back with the host',
    (f) => (f.units = [{ unit: 'turnkeepd.service', subject: 'host', state: 'disabled' }]),
    'units',
    'failure',
    /is disabled: after a restart/,
  ],
  [
    'a unit that is gone',
    (f) => (f.units = [{ unit: 'turnkeepd.service', subject: 'host', state: 'missing' }]),
    'units',
    'failure',
    /is gone/,
  ],
  [
    'a shield that no interface has',
    (f) => (f.addresses = { ...f.addresses, host: ['127.0.0.1', '192.0.2.9'] }),
    'addresses',
    'failure',
    /10\.0\.0\.1 \(shield\.address\)/,
  ],
  [
    'viewers are sent elsewhere',
    (f) => (f.addresses = { ...f.addresses, announced: ['192.0.2.1'] }),
    'addresses',
    'failure',
    /192\.0\.2\.1 .*which this host does not have; it has 192\.0\.2\.9/,
  ],
  [
    'viewers are sent to a NAT',
    (f) => (f.addresses = { ...f.addresses, host: ['127.0.0.1', '10.0.0.1'] }),
    'addresses',
    'warning',
    /of a NAT/,
  ],
  [
    'a disk that takes nothing',
    (f) => (f.resources.disk!.readOnly = true),
    'host',
    'failure',
    /mounted read-only/,
  ],
  [
    'somebody widened the slice',
    (f) => (demo(f).quotaProblem = 'memory is 4096 MiB instead of 512 MiB.'),
    'quotas',
    'failure',
    /not held to its quota: memory is 4096/,
  ],
  [
    'a relay that does not relay',
    (f) => (f.relays[0]!.problem = 'The relay of "demo" is not proven.'),
    'relay',
    'failure',
    /not proven/,
  ],
  [
    'a certificate that cannot be read',
    (f) => (certificate(f).problem = 'bad PEM'),
    'certificates',
    'failure',
    /bad PEM/,
  ],
  [
    'one that ended',
    (f) => (certificate(f).notAfterMs = NOW_MS - 1),
    'certificates',
    'failure',
    /ended on 2026-06-01/,
  ],
  [
    'one that ends tomorrow',
    (f) => (certificate(f).notAfterMs = NOW_MS + DAY_MS),
    'certificates',
    'failure',
    /in 1 day\./,
  ],
  [
    'one of 7 days',
    (f) => (certificate(f).notAfterMs = NOW_MS + 7 * DAY_MS),
    'certificates',
    'warning',
    /in 7 days/,
  ],
  [
    'one of 21 days',
    (f) => (certificate(f).notAfterMs = NOW_MS + 21 * DAY_MS),
    'certificates',
    'notice',
    /in 21 days/,
  ],
  [
    'one of an authority that is not renewed',
    (f) => (certificate(f).orderProblem = 'the authority says no.'),
    'certificates',
    'warning',
    /is not renewed: the authority says no/,
  ],
  [
    'one of an authority for six days, with half a day left',
    (f) =>
      Object.assign(certificate(f), {
        ...{ renewed: 'by-authority', notBeforeMs: NOW_MS - 5.6 * DAY_MS, notAfterMs: NOW_MS + 0.4 * DAY_MS },
      }),
    'certificates',
    'warning',
    /in 1 day/,
  ],
  [
    'one that is not valid yet',
    (f) => (certificate(f).notBeforeMs = NOW_MS + 1),
    'certificates',
    'failure',
    /valid from/,
  ],
  [
    'one the service does not take',
    (f) =>
      (demo(f).turn.answer = {
        listeners: [],
        certificate: { notAfterMs: 1, fingerprint: 'AA', problem: 'no key.' },
      } as never),
    'certificates',
    'failure',
    /newest certificate: no key/,
  ],
  [
    'another one than the file',
    (f) =>
      (demo(f).turn.answer = {
        listeners: [],
        certificate: { notAfterMs: 1, fingerprint: 'BB', problem: '' },
      } as never),
    'certificates',
    'notice',
    /still shows another/,
  ],
  ['a clock that was set', (f) => (f.clock.movedMs = -3_600_000), 'clock', 'failure', /set 3600 s back/],
  ['a clock that was set a little', (f) => (f.clock.movedMs = 6000), 'clock', 'warning', /set 6 s forward/],
  [
    'a clock behind its own files',
    (f) => (filed(f).saved_at = '2026-06-01T13:00:00.000Z'),
    'clock',
    'failure',
    /written 3600 s later/,
  ],
  ['a clock nobody keeps', (f) => (f.clock.synchronised = false), 'clock', 'warning', /not synchronised/],
  ['a clock nobody knows', (f) => (f.clock.synchronised = null), 'clock', 'notice', /cannot be told/],
  [
    'small receive buffers',
    (f) => (f.resources.receiveBufferBytes = 212_992),
    'host',
    'warning',
    /rmem_max is 212992/,
  ],
  ['small send buffers', (f) => (f.resources.sendBufferBytes = 212_992), 'host', 'warning', /wmem_max/],
  [
    'no files left',
    (f) => (f.resources.openFiles = { used: 1000, limit: 1024 }),
    'host',
    'failure',
    /1000 of 1024/,
  ],
  [
    'few files',
    (f) => (f.resources.openFiles = { used: 10, limit: 1024 }),
    'host',
    'warning',
    /1024 files only/,
  ],
  ['little disk', (f) => (f.resources.disk!.freeBytes = 1e8), 'host', 'warning', /95 MB left/],
  ['no disk', (f) => (f.resources.disk!.freeBytes = 1e7), 'host', 'failure', /9 MB left/],
];

for (const [title, inject, check, severity, words] of FAULTS) {
  t.test(title, (t) => {
    const facts = healthyFacts();
    inject(facts);
    const found = findingsOf(facts);
    const finding = found.find((one) => one.check === check && words.test(one.sentence));
    t.equal(finding?.severity, severity, JSON.stringify(found.filter((one) => one.severity !== 'ok')));
    t.ok((finding?.remedy ?? '').length > 10, 'a remedy');
    t.equal(found[0]?.severity === 'failure', severity === 'failure', 'the worst is first');
    t.equal(inspectionOf(facts, { startedMs: 0, endedMs: 0 }).ok, severity !== 'failure');
    t.end();
  });
}

t.test('what is being changed is not judged', (t) => {
  const facts = healthyFacts();
  Object.assign(demo(facts), { changing: true, blocks: null, desired: 'enabling' });
  Object.assign(demo(facts).turn, down);
  facts.node.stateFile.wanted = [];
  facts.node.stateFile.databaseGeneration = 3;
  t.notOk(findingsOf(facts).find(({ severity }) => severity === 'failure'));
  t.end();
});
