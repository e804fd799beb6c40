import t from 'tap';
import type { CertificateView } from '../../../daemon/contract/certificates.ts';
import { certificateView, dnsView, firewallView } from '../../src/actions/network-view.ts';

const NOW = Date.parse('2026-09-14T14:00:00.000Z');
const DAY_MS = 86_400_000;

t.test('records and rules: made by us, by hand, not at all', (t) => {
  const records = ['turn.nordwerk.example A 192.0.2.7', 'turn.nordwerk.example AAAA 2001:db8::7'];
  t.match(dnsView({ manager: 'none', records, problem: '' }), {
    word: { state: 'idle', label: 'By hand' },
    sentence: /Make these records/,
    lines: records,
    byHand: true,
    problem: '',
  });
  t.match(dnsView({ manager: 'rfc2136', records, problem: '' }), {
    word: { state: 'live', label: 'As wanted' },
    byHand: false,
  });
  t.match(dnsView({ manager: 'rfc2136', records, problem: 'The server refused the key.' }), {
    word: { state: 'error' },
    problem: 'The server refused the key. It is tried again every minute.',
  });
  t.match(dnsView({ manager: 'none', records: [], problem: '' }), { word: { label: 'No name' }, lines: [] });
  t.equal(dnsView(undefined), null);

  const open = ['udp 3478 to 192.0.2.7', 'tcp 5349 to 192.0.2.7'];
  t.match(firewallView({ manager: 'none', open, problem: '' }), { byHand: true, lines: open });
  t.match(firewallView({ manager: 'nftables', open, problem: '' }), {
    word: { label: 'As wanted' },
    byHand: false,
  });
  t.match(firewallView({ manager: 'ufw', open, problem: 'ufw is off.' }), {
    word: { label: 'Not as wanted' },
    problem: /^ufw is off\. It is tried again/,
  });
  t.match(firewallView({ manager: 'nftables', open: [], problem: '' }), {
    word: { label: 'Nothing to open' },
  });
  t.equal(firewallView(undefined), null);
  t.end();
});

t.test('a certificate: time left, who issued it, what went wrong', (t) => {
  const shown = (days: number, problem = '') => ({
    notAfterMs: NOW + days * DAY_MS + 1000,
    fingerprint: 'AB:CD:EF:01:02:03:04:05:06:07:08:09:0A:0B',
    problem,
  });
  const issued: CertificateView = {
    name: 'turn.nordwerk.example',
    usedBy: ['turn:nordwerk'],
    state: 'valid',
    issuer: 'CN=R11',
    fingerprint: null,
    notBefore: null,
    notAfter: null,
    nextOrderAt: new Date(NOW + DAY_MS).toISOString(),
    problem: '',
  };
  const text = (title: string, facts: ReturnType<typeof certificateView>): string | undefined =>
    facts.lines.find((one) => one.title === title)?.text;
  const local = certificateView(shown(90), null, NOW);
  t.match(local, {
    word: { state: 'live', label: '90 days left' },
    problem: '',
    warning: null,
    renewable: null,
  });
  t.equal(text('Fingerprint', local), 'ab cd ef 01 02 03 04 05 06 07 08 09 …');
  t.match(certificateView(shown(3), null, NOW).warning, { title: 'The TURN certificate ends in 3 days.' });

  const acme = certificateView(shown(60), issued, NOW);
  t.match(acme, { renewable: 'turn.nordwerk.example', warning: null });
  t.equal(text('Issued by', acme), 'CN=R11');
  t.match(text('Renewed', acme), /^15 Sep /, 'says when');
  const ordering = certificateView(shown(60), { ...issued, state: 'ordering' }, NOW);
  t.equal(text('Being renewed', ordering), 'now');
  const refused = certificateView(
    shown(19),
    { ...issued, problem: 'The DNS server refused the record.' },
    NOW,
  );
  t.match(refused, {
    word: { state: 'degraded' },
    warning: {
      title: 'The TURN certificate ends in 19 days and its renewal failed.',
      text: 'The DNS server refused the record.',
    },
  });
  t.match(certificateView(shown(200, 'The key does not fit.'), null, NOW).warning, {
    title: 'The TURN certificate was not renewed.',
    text: 'The key does not fit.',
  });
  t.match(certificateView(shown(-1), null, NOW), {
    word: { state: 'error', label: 'Ended' },
    warning: { title: 'The TURN certificate has ended.' },
  });
  t.end();
});
