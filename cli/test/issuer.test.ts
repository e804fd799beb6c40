/** Issuers and certificates on the command line, against the real API. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { CertificateView } from '../../daemon/contract/certificates.ts';
import { apiBench } from '../../daemon/test/helpers/api-bench.ts';
import { run } from '../program.ts';

async function setUp(t: Test, change: Parameters<typeof apiBench>[1] = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'tk-cli-'));
  const bench = await apiBench(t, change);
  await bench.local.listen({ path: join(dir, 'daemon.sock') });
  const cli = async (...argv: string[]) => {
    const said = { out: '', err: '' };
    const streams = { out: (text: string) => (said.out += text), err: (text: string) => (said.err += text) };
    const code = await run(argv, streams, { TURNKEEP_SOCKET: join(dir, 'daemon.sock') });
    return { code, ...said };
  };
  return { dir, cli };
}

void t.test('issuers: add, list, test, sign, remove', async (t) => {
  const { dir, cli } = await setUp(t);
  const words = ['--issuer', 'http://127.0.67.31:9', '--audience', 'turnkeep', '-n', 'a', 'b'];
  t.match(await cli('issuer', 'add', 'corp', ...words), { code: 2, err: /namespaceClaim: is needed/ });
  const mapped = [
    '--namespace-claim',
    'site',
    '--role-claim',
    'groups',
    '--map',
    'x=y=owner',
    '--map',
    'guard=viewer',
  ];
  t.match(await cli('issuer', 'add', 'corp', ...words, ...mapped), {
    code: 0,
    out: /will be accepted when its keys can be had\. Now they cannot: .*127\.0\.67\.31:9/,
  });
  t.match(await cli('issuer', 'add', 'corp', ...words, ...mapped), { code: 4 });
  t.match(await cli('issuer', 'add', 'corp', ...words, '--map', 'x'), { code: 2, err: /VALUE=ROLE/ });
  t.match(
    (await cli('issuer', 'list')).out,
    /^own .*\ncorp .*a, b by site +groups: x=y=owner, guard=viewer/m,
  );
  const signed = await cli('issuer', 'sign', '-n', 'a', '--subject', 'alice', '--role', 'operator');
  t.match(signed, { code: 0, out: /^eyJ[^\s]+\n$/ });
  const file = join(dir, 'token');
  writeFileSync(file, signed.out);
  t.match(await cli('issuer', 'test', file), {
    code: 0,
    out: /^Accepted: jwt:own\.alice is operator of a until 20/,
  });
  writeFileSync(file, signed.out.slice(0, -3));
  t.match(await cli('issuer', 'test', file), { code: 1, out: /not accepted: its signature is wrong/ });
  t.match(await cli('issuer', 'test', join(dir, 'none')), { code: 1, err: /there is no such file/ });
  t.match(await cli('issuer', 'remove', 'corp'), { code: 0 });
  t.match(await cli('issuer', 'remove', 'corp'), { code: 1, err: /no issuer "corp"/ });
});

void t.test('certificates: status and renew', async (t) => {
  const none = await setUp(t);
  t.match(await none.cli('certificate', 'status'), {
    code: 0,
    out: /certificates\.source: acme changes that/,
  });
  t.match(await none.cli('certificate', 'renew'), { code: 4, err: /No authority issues certificates/ });

  const item: CertificateView = {
    ...{
      name: 'turn.example.com',
      usedBy: ['turn:demo'],
      state: 'valid',
      issuer: 'CN=R3',
      fingerprint: 'AA',
    },
    ...{ notBefore: '2026-01-01T00:00:00.000Z', notAfter: '2026-04-01T00:00:00.000Z' },
    ...{ nextOrderAt: '2026-03-01T00:00:00.000Z', problem: '' },
  };
  const renewed: (string | undefined)[] = [];
  const certificates = {
    list: () => [item],
    renew: (name?: string) => {
      renewed.push(name);
      return [item.name];
    },
  };
  const { cli } = await setUp(t, { change: { certificates } });
  t.match(
    (await cli('certificate', 'status')).out,
    /^turn\.example\.com +turn:demo +valid +2026-04-01 00:00 +2026-03-01 00:00 +CN=R3$/m,
  );
  t.match(await cli('certificate', 'renew', 'turn.example.com'), {
    code: 0,
    out: /^Ordering: turn\.example\.com\n/,
  });
  t.same(renewed, ['turn.example.com']);
  item.problem = 'The authority says no.';
  t.match(await cli('certificate', 'renew'), { code: 1, out: /turn\.example\.com: The authority says no\./ });
});
