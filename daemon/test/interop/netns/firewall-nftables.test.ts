/** Real nftables, seen by a host outside. */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { hostFirewallOf } from '../../../host-firewall.ts';
import { daemonConfigSchema } from '../../../contract/daemon-config.ts';
import { firewallContract, HOST_ADDRESS, openBoth } from '../../helpers/firewall-contract.ts';
import { firewallTools } from '../../helpers/firewall-tools.ts';
import { outsider } from '../../helpers/outsider.ts';

const FOREIGN = `table ip foreign {
  set mine { type ipv4_addr; elements = { 10.99.0.77 }; }
  chain input {
    type filter hook input priority filter; policy accept;
    ip saddr @mine counter drop
  }
}`;
const nft = (...args: string[]): string => execFileSync('nft', args, { encoding: 'utf8' });
/** Counters of others count on. */
const foreignTable = (): string => nft('--stateless', 'list', 'table', 'ip', 'foreign');
const ours = (): string => nft('list', 'table', 'inet', 'turnkeep');

t.test('nftables', { skip: firewallTools('nft') }, async (t) => {
  const config = daemonConfigSchema.parse({ firewall: { manager: 'nftables' } });
  const firewall = hostFirewallOf(config);
  execFileSync('nft', ['-f', '-'], { input: FOREIGN });
  const { reached } = await outsider(t, HOST_ADDRESS);

  await t.test('the contract', (t) =>
    firewallContract(t, {
      firewall,
      reached,
      foreignRules: () => Promise.resolve(foreignTable()),
      ownRules: () => Promise.resolve(ours().split('\n').length),
      tamper: async () => {
        nft('flush', 'chain', 'inet', 'turnkeep', 'input');
        return Promise.resolve();
      },
    }),
  );

  await t.test('the rules are exact, also for IPv6 and chosen ports', async (t) => {
    await firewall.apply([
      ...openBoth('demo', 443),
      ...openBoth('demo', 5349, { address: '2001:db8::7' }),
      ...openBoth('all', 3480, { address: '::' }).slice(0, 1),
    ]);
    t.same(
      ours()
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => / (?:accept|drop)\b/.test(line) && !line.startsWith('type')),
      [
        'iifname "lo" accept',
        'ip daddr 10.99.0.1 udp dport 443 accept comment "turnkeep demo"',
        'ip daddr 10.99.0.1 tcp dport 443 accept comment "turnkeep demo"',
        'ip6 daddr 2001:db8::7 udp dport 5349 accept comment "turnkeep demo"',
        'ip6 daddr 2001:db8::7 tcp dport 5349 accept comment "turnkeep demo"',
        'udp dport 3480 accept comment "turnkeep all"',
        'udp dport { 3478-3678, 5349-5549 } drop',
        'tcp dport { 3478-3678, 5349-5549 } drop',
      ],
    );
  });

  await t.test('a replacement that is refused leaves the rules as they were', async (t) => {
    const before = ours();
    const [first] = openBoth('demo', 3478);
    await t.rejects(
      firewall.apply(
        [{ ...first!, address: 'not-an-address } ; flush ruleset' }, ...openBoth('demo', 3479)].map(
          (one) => ({ ...one, namespace: 'x"; y' }),
        ),
      ),
      /nft refused/,
    );
    t.equal(ours(), before);
  });

  await t.test('removed without a trace', async (t) => {
    const foreign = foreignTable();
    await firewall.remove();
    await firewall.remove();
    t.notMatch(nft('list', 'tables'), /turnkeep/);
    t.equal(foreignTable(), foreign);
  });
});
