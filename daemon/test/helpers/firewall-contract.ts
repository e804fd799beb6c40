/** What every firewall of namespaces/system.ts does, seen by somebody outside. */
import type { Test } from 'tap';
import type { FirewallOpening } from '../../contract/firewall.ts';
import type { Firewall } from '../../namespaces/system.ts';

export type FirewallWorld = {
  firewall: Firewall;
  /** Which of the ports an outsider gets through to: `udp 3478`. */
  reached: (ports: readonly string[]) => Promise<string[]>;
  /** The rules of others, as text. */
  foreignRules: () => Promise<string>;
  /** Somebody takes rules of ours away. */
  tamper: () => Promise<void>;
  /** How many rules are ours. */
  ownRules: () => Promise<number>;
};

export const HOST_ADDRESS = '10.99.0.1';
/** Open by a rule of somebody else: no business of ours. */
export const FOREIGN_PORT = 5000;

/** Ports of two namespaces, of none, and of somebody else. */
export const PROBED_PORTS = [
  3478,
  3480,
  3482,
  5349,
  5351,
  5353,
  49152,
  49160,
  FOREIGN_PORT, // Last: when it has got through, the others have or never will.
].flatMap((port) => [`udp ${String(port)}`, `tcp ${String(port)}`]);

/** Both protocols on a port or a range. */
export function openBoth(
  namespace: string,
  minPort: number,
  { maxPort = minPort, address = HOST_ADDRESS } = {},
): FirewallOpening[] {
  return (['udp', 'tcp'] as const).map((protocol) => ({ namespace, protocol, address, minPort, maxPort }));
}

export async function firewallContract(
  t: Test,
  { firewall, reached, foreignRules, ownRules, tamper }: FirewallWorld,
) {
  const listeners = ['3478', '3480', '3482', '5349', '5351', '5353'];
  const seen = async (): Promise<string[]> => {
    const through = await reached(PROBED_PORTS);
    t.ok(through.includes(`tcp ${String(FOREIGN_PORT)}`), 'what others opened is open');
    return through.filter((port) => listeners.includes(port.slice(4)));
  };
  const foreign = await foreignRules();
  const demo = [...openBoth('demo', 3478), ...openBoth('demo', 5349)];
  const more = [...openBoth('more', 3480, { address: '0.0.0.0' }), ...openBoth('more', 5351).slice(1)];

  t.equal(await firewall.apply([]), '');
  t.same(await seen(), [], 'without namespaces nothing is open');

  await firewall.apply(demo);
  t.same(await seen(), ['udp 3478', 'tcp 3478', 'udp 5349', 'tcp 5349']);
  const rules = await ownRules();
  await firewall.apply(demo);
  t.equal(await ownRules(), rules, 'the same again changes nothing');

  t.equal(await firewall.check(demo), '', 'and nothing is found to differ');
  t.match(await firewall.check([...demo, ...more]), /missing/);
  t.match(await firewall.check(demo.slice(1)), /./, 'one that is too many is told');
  await tamper();
  t.match(await firewall.check(demo), /missing|gone/, 'rules that somebody took away are told');

  await firewall.apply([...demo, ...more]);
  t.same(await seen(), ['udp 3478', 'tcp 3478', 'udp 3480', 'tcp 3480', 'udp 5349', 'tcp 5349', 'tcp 5351']);

  await firewall.apply(more);
  t.same(await seen(), ['udp 3480', 'tcp 3480', 'tcp 5351'], 'the first one is closed again');

  await firewall.apply([...more, ...openBoth('more', 49152, { maxPort: 49160 })]);
  const relay = (await reached(PROBED_PORTS)).filter((port) => /491/.test(port));
  t.same(relay, ['udp 49152', 'tcp 49152', 'udp 49160', 'tcp 49160'], 'relayed ports');

  await t.rejects(
    firewall.apply(openBoth('more', 22)),
    /ports\.turn.*firewall\.alsoAllow/,
    'only ports of Turnkeep',
  );
  t.same(await seen(), ['udp 3480', 'tcp 3480', 'tcp 5351'], 'and what was refused changed nothing');

  await firewall.apply([]);
  t.same(await seen(), []);
  t.equal(await foreignRules(), foreign, 'rules of others are as they were');
}
