import t from 'tap';
import type { RoomTicket } from '../../contract/signaling.ts';
import { probePassword } from '../../credentials/probe.ts';
import { signRoomTicket, verifyRoomTicket } from '../../credentials/room-ticket.ts';
import { randomToken } from '../../kit/secret.ts';

const key = randomToken(32);
const nowMs = 1_700_000_000_000;
const ticket: RoomTicket = {
  namespace: 'demo',
  identity: 'maria',
  name: 'Maria',
  role: 'viewer',
  rooms: null,
  expiresAtMs: nowMs + 60_000,
};

t.test('a signed ticket is read back', (t) => {
  t.same(verifyRoomTicket(signRoomTicket(ticket, key), { key, namespace: 'demo', nowMs }), ticket);
  t.end();
});

t.test('refuses another key, another namespace, an old, a changed and an oversize ticket', (t) => {
  const text = signRoomTicket(ticket, key);
  const verify = (value: string, change: object = {}): unknown =>
    verifyRoomTicket(value, { key, namespace: 'demo', nowMs, ...change });
  t.equal(verify(text, { key: randomToken(32) }), undefined);
  t.equal(verify(text, { namespace: 'other' }), undefined);
  t.equal(verify(text, { nowMs: ticket.expiresAtMs }), undefined);
  const [body = '', mac = ''] = text.split('.');
  const forged = Buffer.from(JSON.stringify({ ...ticket, role: 'publisher' })).toString('base64url');
  for (const value of [
    `${forged}.${mac}`,
    body,
    `${body}.`,
    `${body}.${mac}.x`,
    '',
    '.',
    'x'.repeat(10_000),
  ]) {
    t.equal(verify(value), undefined, value.slice(0, 40));
  }
  t.equal(verify(signRoomTicket({ ...ticket, extra: 1 } as RoomTicket, key)), undefined, 'unknown claims');
  t.end();
});

t.test('the probe password differs by key and is not the key', (t) => {
  t.not(probePassword(key), probePassword(randomToken(32)));
  t.equal(probePassword(key), probePassword(key));
  t.notOk(probePassword(key).includes(key));
  t.end();
});
