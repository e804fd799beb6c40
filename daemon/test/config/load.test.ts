import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { ConfigError, loadConfig, parseConfig } from '../../config/load.ts';
import { leafKeys, nearestKey } from '../../config/known-keys.ts';
import { daemonConfigSchema, splitEndpoint } from '../../contract/daemon-config.ts';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-limits.ts';

const read = (text: string, environment: Record<string, string> = {}) =>
  parseConfig(text, { source: 'turnkeep.yaml', environment });

const refused = (text: string, environment: Record<string, string> = {}): ConfigError => {
  try {
    read(text, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('was accepted');
};

t.test('the example is the manual: it equals the defaults and names every key', (t) => {
  const text = readFileSync(new URL('../../../config/turnkeep.example.yaml', import.meta.url), 'utf8');
  t.strictSame(read(text), daemonConfigSchema.parse({}));
  const written = parse(text) as unknown;
  for (const key of leafKeys(daemonConfigSchema)) {
    let at = written;
    for (const part of key.split('.')) at = (at as Record<string, unknown> | undefined)?.[part];
    t.not(at, undefined, `the example has ${key}`);
  }
  t.end();
});

t.test('reports every problem at once, each with its line and key', (t) => {
  const error = refused(
    [
      'api:',
      '  lisen: 127.0.0.1:1', // 2
      '  tls: maybe', // 3
      'shield:',
      '  address: 0.0.0.0', // 5
      'turn:',
      '  credentialTtlSeconds: soon', // 7
      '  bindAddresses:',
      '    - 10.0.0.1',
      '    - nowhere', // 10
      'servces: {}', // 11
    ].join('\n'),
  );
  t.strictSame(
    error.problems.map(({ line, key }) => [line, key]),
    [
      [2, 'api.lisen'],
      [3, 'api.tls'],
      [5, 'shield.address'],
      [7, 'turn.credentialTtlSeconds'],
      [10, 'turn.bindAddresses.1'],
      [11, 'servces'],
    ],
  );
  t.match(error.message, 'turnkeep.yaml has 6 problems');
  t.match(error.message, 'line 2: api.lisen: is no key of the configuration; did you mean "listen"?');
  t.match(error.message, 'did you mean "services"?');
  t.match(error.message, 'must be an IP address');
  t.match(error.message, '0.0.0.0 would open the SFU to every network');
  t.end();
});

t.test('refuses a public shield, overlapping port ranges and a block greater than its range', (t) => {
  t.match(refused('shield: { address: 8.8.8.8 }').message, 'is a public address');
  t.match(
    refused('ports:\n  sfuMedia: { minPort: 20000, maxPort: 30050 }').message,
    'line 2: ports.sfuMedia: overlaps sfuSignaling (30000-30099)',
  );
  t.match(
    refused('ports:\n  turnRelay: { minPort: 60000, maxPort: 60099 }').message,
    'ports.turnRelayPerNamespace: is more than the whole range turnRelay has',
  );
  t.match(refused('ports: { turn: { minPort: 9, maxPort: 5 } }').message, 'minPort is greater');
  t.end();
});

t.test('reports broken YAML with its line, and a key written twice', (t) => {
  t.equal(refused('api:\n  listen: [1\n').problems[0]?.line !== null, true);
  t.match(refused('dataDir: a\ndataDir: b').message, 'line 2');
  t.match(refused('- a list').message, 'has a problem');
  t.match(refused('just text').message, 'has a problem');
  t.end();
});

t.test('the environment overrides the file, and is named in problems', (t) => {
  const config = read('api: { listen: 127.0.0.1:1 }', {
    TURNKEEP_API_LISTEN: '[::1]:8081',
    TURNKEEP_PUBLIC_ADDRESSES: '10.0.0.1, 10.0.0.2',
    TURNKEEP_LOG_LEVEL: '',
  });
  t.equal(config.api.listen, '[::1]:8081');
  t.strictSame(config.public.addresses, ['10.0.0.1', '10.0.0.2']);
  t.equal(config.logging.level, 'info', 'an empty variable is not set');
  const error = refused('', { TURNKEEP_SHIELD_ADDRESS: '1.1.1.1' });
  t.strictSame(
    error.problems.map(({ line, key }) => [line, key]),
    [[null, 'TURNKEEP_SHIELD_ADDRESS']],
  );
  t.end();
});

t.test('a certificate for TURN has both of its files or none', (t) => {
  const files = { certFile: 'a.pem', keyFile: 'a.key' };
  t.strictSame(read('turn: { certificate: { certFile: a.pem, keyFile: a.key } }').turn.certificate, files);
  t.match(refused('turn: { certificate: { certFile: a.pem } }').message, 'needs both certFile and keyFile');
  t.end();
});

t.test('the host name of TURN is a DNS name, with or without the namespace in it', (t) => {
  const hostName = (name: string): string | null => read(`turn: { hostName: '${name}' }`).turn.hostName;
  for (const name of ['turn.example.com', 'turn.ns-{namespace}.example.com', '{namespace}.example.com']) {
    t.equal(hostName(name), name);
  }
  for (const name of [
    'turn',
    '192.0.2.7',
    'Turn.example.com',
    'turn..com',
    'https://turn.example.com',
    '{ns}.example.com',
  ]) {
    t.match(refused(`turn: { hostName: '${name}' }`).message, /turn\.hostName.*must be a DNS name/, name);
  }
  t.end();
});

t.test('TURN services have the limits of the file, and a wrong one is named with its line', (t) => {
  const { limits } = read('turn: { limits: { allocationsPerUser: 4, bytesPerSecond: 1250000 } }').turn;
  t.strictSame(limits, { ...DEFAULT_TURN_LIMITS, allocationsPerUser: 4, bytesPerSecond: 1_250_000 });
  const error = refused(
    [
      'turn:',
      '  limits:',
      '    allocations: 0', // 3
      '    connections: null', // 4
      '    bytesPerSecondPerUser: fast', // 5
      '    chanels: 5', // 6
    ].join('\n'),
  );
  t.strictSame(
    error.problems.map(({ line, key }) => [line, key]),
    [
      [3, 'turn.limits.allocations'],
      [4, 'turn.limits.connections'],
      [5, 'turn.limits.bytesPerSecondPerUser'],
      [6, 'turn.limits.chanels'],
    ],
  );
  t.match(error.message, 'did you mean "channels"?');
  t.end();
});

t.test('loads a file, makes paths absolute, and says when it is not there', (t) => {
  const path = join(mkdtempSync(join(tmpdir(), 'turnkeep-config-')), 'turnkeep.yaml');
  writeFileSync(path, 'dataDir: ./somewhere\n');
  const config = loadConfig({ path, environment: {} });
  t.equal(config.dataDir, join(process.cwd(), 'somewhere'));
  t.equal(config.api.socket, join(process.cwd(), 'somewhere/run/turnkeepd.sock'));
  t.throws(() => loadConfig({ path: `${path}.no`, environment: {} }), /there is no such file/);
  t.equal(loadConfig({ path: undefined, environment: {} }).api.listen, '127.0.0.1:8080');
  t.end();
});

t.test('splits endpoints', (t) => {
  t.strictSame(splitEndpoint('[::1]:80'), { host: '::1', port: 80 });
  t.strictSame(splitEndpoint('box.local:8443'), { host: 'box.local', port: 8443 });
  for (const bad of ['box', '::1:80', '1.2.3.4:70000', 'a b:1', ':1'])
    t.equal(splitEndpoint(bad), undefined, bad);
  t.end();
});

t.test('suggests only what is near', (t) => {
  t.equal(nearestKey('lsiten', ['listen', 'tls']), 'listen');
  t.equal(nearestKey('database', ['listen', 'tls']), undefined);
  t.end();
});

t.test('a public URL that is none is a problem like others', (t) => {
  const { problems } = refused('api: { publicUrl: "https://192.0.2.1:99999" }');
  t.match(problems, [{ key: 'api.publicUrl', message: /must be the address people type/ }]);
  t.end();
});

t.test('certificates of an authority: what does not go together is said before it is ordered', (t) => {
  const problems = (text: string): string[] =>
    refused(text).problems.map(({ key, message }) => `${key}: ${message}`);
  t.match(
    problems('certificates: { source: acme }'),
    [/^certificates\.source: acme has no name/, /^certificates\.agreeToTerms: read the terms/].sort(),
  );
  const named = 'turn: { hostName: turn.example.com }\n';
  t.match(problems(`${named}certificates: { source: acme, agreeToTerms: true, challenge: dns-01 }`), [
    /^certificates\.challenge: dns-01 needs dns\.manager/,
  ]);
  const dns = 'dns: { manager: rfc2136, server: "192.0.2.1:53", zone: example.org, keyFile: k }\n';
  t.match(problems(`${named}${dns}certificates: { source: acme, agreeToTerms: true, challenge: dns-01 }`), [
    /^turn\.hostName: dns-01 answers in the zone example\.org only/,
  ]);
  t.match(problems('api: { tls: acme }'), [
    /^api\.tls: acme needs certificates/,
    /^api\.publicUrl: .*DNS name/,
  ]);
  t.match(
    problems(`${named}certificates: { source: acme, agreeToTerms: true, directory: "http://a.test/dir" }`),
    [/^certificates\.directory: must be the https address/],
  );
  t.equal(
    read(`${named}certificates: { source: acme, agreeToTerms: true }`).certificates.challenge,
    'http-01',
  );
  t.equal(
    read(
      'api: { tls: acme, publicUrl: "https://a.test" }\ncertificates: { source: acme, agreeToTerms: true }',
    ).api.tls,
    'acme',
  );
  t.end();
});

t.test('what is no configuration at all is a problem in words, never a crash or a wait', (t) => {
  const names = 'a b c d e f g h i j'.split(' ');
  const bomb = names.map(
    (name, at) => `${name}: &${name} [${at === 0 ? 'x' : `*${names[at - 1]!}, *${names[at - 1]!}`}]`,
  );
  t.match(refused(bomb.join('\n')).problems, [{ message: /alias.*cannot be followed: Excessive/ }]);
  t.match(refused('dataDir: *nowhere').problems, [{ message: /alias.*nowhere/ }]);
  t.equal(refused('['.repeat(2000)).problems.length, 100, 'nobody reads more');
  const folder = mkdtempSync(join(tmpdir(), 'tk-config-'));
  const file = join(folder, 'turnkeep.yaml');
  writeFileSync(file, Buffer.from('dataDir: /tmp/\xff\xfe', 'latin1'));
  for (const [path, message] of [
    [file, /UTF-8/],
    [folder, /it is a folder/],
    ['/dev/zero', /it is no file/],
  ] as const) {
    t.throws(() => loadConfig({ path, environment: {} }), { message }, path);
  }
  t.end();
});
