import t from 'tap';
import { ConnectionLimits, type ConnectionSlot } from '../../../turn/server/connection-limits.ts';

const limits = {
  connections: 4,
  connectionsPerAddress: 2,
  halfOpenConnections: 1,
  handshakeSeconds: 10,
  idleConnectionSeconds: 30,
};

function entered(slot: ConnectionSlot | string): ConnectionSlot {
  if (typeof slot === 'string') throw new Error(`refused by ${slot}`);
  return slot;
}

t.test('a handshake under way takes a half-open place until it is done or gone', (t) => {
  const some = new ConnectionLimits(limits);
  const first = entered(some.enter('127.0.35.1', { handshake: true }));
  t.equal(some.enter('127.0.35.2', { handshake: true }), 'halfOpenConnections');
  first.established();
  first.established();
  t.equal(some.halfOpen, 0);
  const second = entered(some.enter('127.0.35.2', { handshake: true }));
  second.leave();
  second.leave();
  second.established();
  t.equal(some.halfOpen, 0);
  t.equal(some.total, 1);
  t.equal(some.uses().find(({ name }) => name === 'halfOpenConnections')?.refused, 1);
  t.end();
});

t.test('plain TCP needs no half-open place', (t) => {
  const some = new ConnectionLimits(limits);
  entered(some.enter('127.0.35.1', { handshake: true }));
  entered(some.enter('127.0.35.1', { handshake: false }));
  t.equal(some.enter('127.0.35.1', { handshake: false }), 'connectionsPerAddress');
  t.end();
});

t.test('the addresses of one /64 are one source', (t) => {
  const some = new ConnectionLimits(limits);
  entered(some.enter('2001:db8:0:1::1', { handshake: false }));
  entered(some.enter('2001:db8:0:1:ffff::2', { handshake: false }));
  t.equal(some.enter('2001:db8:0:1::3', { handshake: false }), 'connectionsPerAddress');
  entered(some.enter('2001:db8:0:2::1', { handshake: false }));
  entered(some.enter('127.0.35.1', { handshake: false }));
  t.equal(some.enter('127.0.35.2', { handshake: false }), 'connections');
  t.end();
});
