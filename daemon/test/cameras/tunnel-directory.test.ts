import t from 'tap';
import type { TunnelInfo } from '../../cameras/system.ts';
import { TunnelDirectory } from '../../cameras/tunnel-directory.ts';

const tunnel = (id: string, name: string, createdAtMs: number): TunnelInfo => ({
  id,
  clientId: 'c',
  name,
  labels: {},
  hostname: 'h',
  port: 443,
  createdAtMs,
});

t.test('the newest tunnel of a name is the one, whatever the order of events', (t) => {
  const directory = new TunnelDirectory();
  t.equal(directory.reachable, false, 'nothing is known before the first event');
  t.equal(directory.apply({ type: 'state', reachable: true, tunnels: [tunnel('a1', 'a', 1)] }), 'all');
  t.equal(directory.reachable, true);
  t.same(directory.apply({ type: 'created', tunnel: tunnel('a2', 'a', 2) }), ['a']);
  t.equal(directory.current('a')?.id, 'a2');
  directory.apply({ type: 'deleted', tunnel: tunnel('a1', 'a', 1), reason: '' });
  t.equal(directory.current('a')?.id, 'a2', 'the end of the old one does not matter');
  directory.apply({ type: 'created', tunnel: tunnel('a3', 'a', 2) });
  t.equal(directory.current('a')?.id, 'a3', 'in the same millisecond the later event wins');
  directory.apply({ type: 'deleted', tunnel: tunnel('a3', 'a', 2), reason: '' });
  t.equal(directory.current('a')?.id, 'a2');
  directory.apply({ type: 'deleted', tunnel: tunnel('a2', 'a', 2), reason: '' });
  t.equal(directory.current('a'), undefined);
  directory.apply({ type: 'deleted', tunnel: tunnel('a2', 'a', 2), reason: '' });
  directory.apply({ type: 'state', reachable: false, tunnels: [] });
  t.equal(directory.reachable, false);
  t.end();
});

t.test('a flood of one name is bounded', (t) => {
  const directory = new TunnelDirectory();
  for (let n = 0; n < 100; n += 1) directory.apply({ type: 'created', tunnel: tunnel(`a${n}`, 'a', n) });
  for (let n = 92; n < 100; n += 1) {
    directory.apply({ type: 'deleted', tunnel: tunnel(`a${n}`, 'a', n), reason: '' });
  }
  t.equal(directory.current('a'), undefined);
  t.end();
});
