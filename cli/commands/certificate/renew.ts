import { setTimeout as pause } from 'node:timers/promises';
import { Command } from 'commander';
import { certificateListSchema, renewingCertificatesSchema } from '../../../daemon/contract/certificates.ts';
import type { ContextOf } from '../../cli-context.ts';
import { OperationFailed } from '../../output.ts';
import { describe } from './status.ts';

const LOOK_EVERY_MS = 500;

/** `turnkeep certificate renew [NAME]`: waits for the authority; exit 1 when it issues none. */
export function renewCommand(contextOf: ContextOf): Command {
  return new Command('renew')
    .description('order new certificates now, one name or all, and wait for them')
    .argument('[name]', 'the DNS name of one certificate')
    .addHelpText(
      'after',
      `
Example:
  turnkeep certificate renew turn.example.com

The one in use stays until the new one is there, and no session ends. Authorities count orders: use it after you have
mended what an order failed on, not to be sure.
`,
    )
    .action(async (name: string | undefined, _options: object, command: Command) => {
      const { client, output } = contextOf(command);
      const body = name === undefined ? {} : { name };
      const { names } = await client.post('/v1/certificates/renew', body, renewingCertificatesSchema);
      output.note(`Ordering: ${names.join(', ')}`);
      for (;;) {
        const list = await client.get('/v1/certificates', certificateListSchema);
        const items = list.items.filter((one) => names.includes(one.name));
        if (items.some(({ state }) => state === 'ordering')) {
          // The daemon gives every order up after three minutes.
          await pause(LOOK_EVERY_MS);
          continue;
        }
        output.show({ ...list, items }, () => describe({ ...list, items }));
        if (items.some(({ problem }) => problem !== ''))
          throw new OperationFailed('a certificate was not issued');
        return;
      }
    });
}
