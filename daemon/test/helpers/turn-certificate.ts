/** A certificate for the encrypted listeners of a TURN process. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';
import { tempDir } from './temp-dir.ts';

/** @returns what `certificate` of a service's configuration takes. */
export async function testCertificate(
  t: Parameters<typeof tempDir>[0],
  name = 'turn.test',
): Promise<{ certFile: string; keyFile: string }> {
  const dir = tempDir(t);
  const subject = { names: [name], addresses: [], nowMs: Date.now() };
  const { certPem, keyPem } = await loadOrCreateLocalCa(join(dir, 'ca'), subject);
  const files = { certFile: join(dir, 'cert.pem'), keyFile: join(dir, 'key.pem') };
  writeFileSync(files.certFile, certPem, { mode: 0o600 });
  writeFileSync(files.keyFile, keyPem, { mode: 0o600 });
  return files;
}
