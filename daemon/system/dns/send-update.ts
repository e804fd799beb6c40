/** Sends one dynamic update by nsupdate(1), signed with the TSIG key of a file. */
import { runCommand } from '../run-command.ts';

const UPDATE_TIMEOUT_SECONDS = 5;

/** Rejects with an AdapterError that holds what the server said. @param keyFile as `tsig-keygen` prints it. */
export async function sendUpdate(keyFile: string, script: string): Promise<void> {
  await runCommand('nsupdate', ['-k', keyFile, '-t', String(UPDATE_TIMEOUT_SECONDS)], {
    input: script,
    timeoutMs: (UPDATE_TIMEOUT_SECONDS + 5) * 1000,
    debianPackage: 'bind9-dnsutils',
  });
}
