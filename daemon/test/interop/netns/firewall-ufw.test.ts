/** Real ufw on a private copy of its rules, seen by a host outside. */
import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import t from 'tap';
import { hostFirewallOf } from '../../../host-firewall.ts';
import { daemonConfigSchema } from '../../../contract/daemon-config.ts';
import { firewallContract, FOREIGN_PORT, HOST_ADDRESS, openBoth } from '../../helpers/firewall-contract.ts';
import { firewallTools } from '../../helpers/firewall-tools.ts';
import { outsider } from '../../helpers/outsider.ts';

const ufw = (...args: string[]): string => execFileSync('ufw', args, { encoding: 'utf8' });
const rules = (): string[] =>
  ufw('show', 'added')
    .split('\n')
    .filter((line) => line.startsWith('ufw '));
const isOurs = (line: string): boolean => line.includes("comment 'turnkeep: ");

t.test('ufw', { skip: firewallTools('ufw') }, async (t) => {
  // The runner gives each file of this folder mounts of its own: the host's rules stay as they are.
  const copy = t.testdir();
  cpSync('/etc/ufw', copy, { recursive: true });
  execFileSync('mount', ['--bind', copy, '/etc/ufw']);
  const config = daemonConfigSchema.parse({ firewall: { manager: 'ufw' } });
  const firewall = hostFirewallOf(config);

  await t.test('while it is off, that is said', async (t) => {
    t.match(await firewall.apply(openBoth('demo', 3478)), /ufw is off.*ufw enable/);
    t.equal(rules().length, 2);
    await firewall.apply([]);
    t.same(rules(), []);
  });

  ufw('allow', String(FOREIGN_PORT));
  ufw('allow', '22/tcp', 'comment', 'turnkeep must not touch this');
  ufw('--force', 'enable');
  const { reached } = await outsider(t, HOST_ADDRESS);

  await t.test('the contract', (t) =>
    firewallContract(t, {
      firewall,
      reached,
      foreignRules: () =>
        Promise.resolve(
          rules()
            .filter((line) => !isOurs(line))
            .join('\n'),
        ),
      ownRules: () => Promise.resolve(rules().filter(isOurs).length),
      tamper: () => {
        const [first = ''] = rules().filter(isOurs);
        ufw('delete', ...first.replace(/^ufw | comment .*$/g, '').split(' '));
        return Promise.resolve();
      },
    }),
  );

  await t.test('a rule of the operator for the same port is left alone', async (t) => {
    const to = ['to', HOST_ADDRESS, 'port'];
    ufw('deny', 'proto', 'udp', ...to, '3478');
    ufw('allow', 'proto', 'tcp', ...to, '3478', 'comment', 'by hand');
    const before = rules();
    t.match(await firewall.apply(openBoth('demo', 3478)), /"deny to 10.99.0.1 port 3478 proto udp"/);
    t.same(rules(), before);
    await firewall.apply([]);
    t.same(rules(), before, 'also when the namespace goes');
  });

  await t.test('a rule of another namespace becomes the new one’s', async (t) => {
    await firewall.apply(openBoth('demo', 3480));
    await firewall.apply(openBoth('more', 3480));
    t.same(
      rules()
        .filter(isOurs)
        .map((line) => line.split(' comment ')[1]),
      ["'turnkeep: more'", "'turnkeep: more'"],
    );
  });

  await t.test('removed without a trace', async (t) => {
    const foreign = rules().filter((line) => !isOurs(line));
    await firewall.remove();
    t.same(rules(), foreign);
  });
});
