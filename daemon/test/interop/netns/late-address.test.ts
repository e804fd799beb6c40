/** A host that comes up without its address, as one that waits for a DHCP lease after a power cut. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { tempDir } from '../../helpers/temp-dir.ts';
import { spawnTurn, turnConfig } from '../../helpers/turn-client.ts';

t.setTimeout(60_000);

const ADDRESS = '10.98.76.1';
const skip = process.env['TURNKEEP_TEST_NETWORK_ADDRESS'] === undefined && 'needs a network namespace (root)';

t.test('under systemd an address that comes later is waited for', { skip }, async (t) => {
  const dir = tempDir(t);
  const file = join(dir, 'turn.json');
  const config = {
    ...turnConfig({
      relay: { addresses: ['127.0.1.1'], minPort: 53_480, maxPort: 53_489 },
      controlSocket: join(dir, 'c.sock'),
    }),
    listeners: [{ transport: 'udp', address: ADDRESS, port: 3478 }],
  };
  writeFileSync(file, JSON.stringify(config));
  process.env['NOTIFY_SOCKET'] = join(dir, 'notify');
  const { child, exited } = spawnTurn(t, file);
  let output = '';
  const said = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (output.includes(text)) resolve();
      };
      child.stdout?.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        look();
      });
      void exited.then(() => {
        reject(new Error(`It ended: ${output}`));
      });
    });
  await said('waiting for an address of this host');
  execFileSync('ip', ['address', 'add', `${ADDRESS}/32`, 'dev', 'lo']);
  await said('{"ready":true}');
  t.match(output, new RegExp(`${ADDRESS}.*this host does not have the address`), 'why is in the log');
  child.kill('SIGTERM');
  t.equal(await exited, 0);
});
