/** The firewall of the other tests keeps the contract of the real ones. */
import t from 'tap';
import { openingText } from '../../namespaces/firewall-openings.ts';
import { FakeFirewall } from '../helpers/namespace-fakes.ts';
import { firewallContract, FOREIGN_PORT } from '../helpers/firewall-contract.ts';

t.test('the contract, on the fake', async (t) => {
  const firewall = new FakeFirewall();
  await firewallContract(t, {
    firewall,
    reached: (ports) =>
      Promise.resolve(
        ports.filter((port) => {
          const [protocol, number] = port.split(' ');
          const inside = firewall.openings.some(
            (one) =>
              one.protocol === protocol && one.minPort <= Number(number) && Number(number) <= one.maxPort,
          );
          return inside || Number(number) === FOREIGN_PORT;
        }),
      ),
    foreignRules: () => Promise.resolve(''),
    tamper: () => {
      firewall.openings = [];
      return Promise.resolve();
    },
    ownRules: () => Promise.resolve(firewall.openings.map(openingText).length),
  });
});
