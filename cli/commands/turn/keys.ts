import { Command } from 'commander';
import {
  turnKeyListSchema,
  turnKeySchema,
  type RegisterTurnKey,
  type TurnKeyList,
} from '../../../daemon/contract/turn-access.ts';
import { disconnectedSchema } from '../../../daemon/contract/turn-session.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable, table } from '../../output.ts';
import { readTextFile } from '../../text-file.ts';
import { turnPath } from './turn-path.ts';

type AddOptions = {
  namespace: string;
  tokenFile?: string;
  tokenEndpoint?: string;
  clientId?: string;
  publicKeyFile?: string;
};

/** `turnkeep turn add-key --namespace NAME --token-file FILE` */
export function addKeyCommand(contextOf: ContextOf): Command {
  return new Command('add-key')
    .description('let the holder of an access token, or an application, derive TURN credentials')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .option('--token-file <path>', 'a personal access token; - reads standard input')
    .option('--token-endpoint <id>', '8 hex digits, for a token that does not name its endpoint')
    .option('--client-id <id>', 'an application')
    .option(
      '--public-key-file <path>',
      "the application's P-521 public key: PEM, or SPKI DER as hex; - reads standard input",
    )
    .addHelpText(
      'after',
      `
Examples:
  turnkeep turn add-key --namespace demo --token-file token.txt
  turnkeep turn add-key --namespace demo --client-id client-1 --public-key-file client-1.pem

Of a token only its digest is kept, and it ends with the token. \`turn keys\` shows the realm, the endpoint and
the server's public key that holders derive with. Disabling WebRTC forgets all of them.
`,
    )
    .action(async (options: AddOptions, command: Command) => {
      const { client, output } = contextOf(command);
      const key = await client.post(
        turnPath(options.namespace, 'keys'),
        requestOf(options, command),
        turnKeySchema,
      );
      const until = key.until === null ? '' : ` until ${key.until}`;
      output.show(
        key,
        () => `${key.kind}:${key.subject} may derive credentials of ${options.namespace}${until}.`,
      );
    });
}

/** `turnkeep turn keys --namespace NAME` */
export function keysCommand(contextOf: ContextOf): Command {
  return new Command('keys')
    .description('who may derive credentials, and what with')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep turn keys --namespace demo\n')
    .action(async ({ namespace }: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const list = await client.get(turnPath(namespace, 'keys'), turnKeyListSchema);
      output.show(list, () => describe(list));
    });
}

/** `turnkeep turn remove-key --namespace NAME KIND:SUBJECT` */
export function removeKeyCommand(contextOf: ContextOf): Command {
  return new Command('remove-key')
    .description('forget a key; the sessions of its holder end')
    .argument('<subject>', 'as `turn keys` shows it, for example pat:0badc0de')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep turn remove-key --namespace demo app:client-1\n')
    .action(async (given: string, { namespace }: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const [, kind, subject] = /^(pat|app):(.+)$/.exec(given) ?? [];
      if (kind === undefined || subject === undefined) {
        return command.error('error: name the key as pat:SUBJECT or app:SUBJECT');
      }
      const path = turnPath(namespace, `keys/${kind}/${encodeURIComponent(subject)}`);
      const answer = await client.delete(path, disconnectedSchema);
      const ended = `${String(answer.ended)} ${answer.ended === 1 ? 'session' : 'sessions'} ended`;
      output.show(answer, () => printable(`${given} may not derive credentials any more; ${ended}.`));
    });
}

function describe({ realm, endpoint, serverPublicKey, items }: TurnKeyList): string {
  const facts = table(
    ['Realm', realm],
    [
      ['Endpoint', endpoint],
      ['Server key', serverPublicKey ?? '-'],
    ],
  );
  if (items.length === 0) return `${facts}\n\nNobody may derive credentials.`;
  const rows = items.map(({ kind, subject, until }) => [`${kind}:${subject}`, until ?? '-']);
  return `${facts}\n\n${table(['SUBJECT', 'UNTIL'], rows)}`;
}

function requestOf(options: AddOptions, command: Command): RegisterTurnKey {
  const { tokenFile, tokenEndpoint, clientId, publicKeyFile } = options;
  if (tokenFile !== undefined && clientId === undefined && publicKeyFile === undefined) {
    const token = readTextFile(tokenFile).trim();
    return { kind: 'pat', token, ...(tokenEndpoint === undefined ? {} : { tokenEndpoint }) };
  }
  if (clientId !== undefined && publicKeyFile !== undefined && tokenFile === undefined) {
    return { kind: 'app', clientId, publicKey: asHex(readTextFile(publicKeyFile).trim()) };
  }
  return command.error('error: give either --token-file, or --client-id with --public-key-file');
}

/** PEM holds the same DER in base64. */
function asHex(text: string): string {
  const pem = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----$/.exec(text);
  return pem?.[1] === undefined ? text : Buffer.from(pem[1], 'base64').toString('hex');
}
