import t from 'tap';
import { claimPorts, DEFAULT_PORT_PLAN } from '../../namespaces/port-ledger.ts';
import { portMap } from '../../namespaces/port-map.ts';

const PLAN = DEFAULT_PORT_PLAN;

t.test('an empty ledger has room for 20 namespaces', (t) => {
  const map = portMap([], PLAN);
  t.equal(map.freePlaces, 20);
  t.strictSame(
    map.ranges.map(({ role, blocks, free }) => [role, blocks, free]),
    [
      ['sfuSignaling', 100, 100],
      ['sfuMedia', 20, 20],
      ['turnRelay', 20, 20],
      ['turn', 101, 101],
      ['turns', 101, 101],
    ],
  );
  t.end();
});

t.test('every namespace takes a place; a claim from another grid blocks what it overlaps', (t) => {
  const first = claimPorts([], PLAN, { node: 'local', namespace: 'one' });
  const second = claimPorts([first], PLAN, { node: 'local', namespace: 'two' });
  t.equal(portMap([first, second], PLAN).freePlaces, 18);
  t.strictSame(portMap([first], PLAN).namespaces, [{ namespace: 'one', ports: first.blocks, listeners: [] }]);
  const shifted = {
    ...second,
    blocks: { ...second.blocks, sfuMedia: { minPort: 20_600, maxPort: 21_099 } },
  };
  t.equal(portMap([first, shifted], PLAN).ranges[1]?.free, 17, 'two of the grid are touched');
  t.end();
});
