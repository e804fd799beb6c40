/** What a daemon without rights says when its helper does, or does not, what it is asked. */
import { join } from 'node:path';
import t from 'tap';
import { FIREWALL_DONE, HelperFirewall } from '../../system/firewall/helper-firewall.ts';
import { tempDir } from '../helpers/temp-dir.ts';

t.test('a helper that is not allowed to run is not taken for one that ran before', async (t) => {
  const denied = 'systemctl refused: Interactive authentication required.';
  const firewall = (lastWords: string, run: () => Promise<void>): HelperFirewall =>
    new HelperFirewall({
      manager: 'nftables',
      path: join(tempDir(t), 'firewall.json'),
      systemctl: { run, lastWords: () => Promise.resolve(lastWords) },
    });
  const fails = (): Promise<void> => Promise.reject(new Error(denied));
  await t.rejects(firewall(FIREWALL_DONE, fails).apply([]), { message: denied });
  await t.rejects(firewall('', fails).apply([]), { message: denied });
  await t.rejects(firewall('nft refused: no', fails).apply([]), { message: 'nft refused: no' });
  t.equal(await firewall(FIREWALL_DONE, () => Promise.resolve()).apply([]), '');
});
