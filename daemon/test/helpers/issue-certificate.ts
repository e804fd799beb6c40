/**
 * A program: a certificate for an IP address, as the product's local authority makes it.
 *
 *   node daemon/test/helpers/issue-certificate.ts DIRECTORY ADDRESS [ISSUED_AT_MS]
 *
 * Writes `ca.pem`, `turn.crt` and `turn.key` into the directory. A process of its own because the types of
 * the certificate library and those of a browser's page do not go together in one program.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadOrCreateLocalCa } from '../../system/local-ca.ts';

const [directory = '', address = '', issuedAtMs = String(Date.now())] = process.argv.slice(2);
const { caPem, certPem, keyPem } = await loadOrCreateLocalCa(join(directory, 'ca'), {
  names: [],
  addresses: [address],
  nowMs: Number(issuedAtMs),
});
writeFileSync(join(directory, 'ca.pem'), caPem);
writeFileSync(join(directory, 'turn.crt'), certPem + caPem);
writeFileSync(join(directory, 'turn.key'), keyPem, { mode: 0o600 });
