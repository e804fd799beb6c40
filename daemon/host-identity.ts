/** Who this host knows, who may speak for tenants' users, and the record of what all of them did. Keys are in the data directory. */
import { join } from 'node:path';
import { Audit } from './identity/audit.ts';
import { OwnIssuer } from './identity/own-issuer.ts';
import type { IdentityStore } from './identity/system.ts';
import { TokenIssuers } from './identity/token-issuers.ts';
import type { Clock } from './kit/clock.ts';
import { SqliteAuditStore } from './store/sqlite/audit-store.ts';
import type { SqliteDatabase } from './store/sqlite/database.ts';
import { SqliteIdentityStore } from './store/sqlite/identity-store.ts';
import { SqliteIssuerStore } from './store/sqlite/issuer-store.ts';
import { loadOrCreateKeyFile } from './system/key-file.ts';
import { RemoteIssuerKeys } from './system/oidc/remote-issuer-keys.ts';

const KEY_BYTES = 32;

export type HostIdentity = { identityStore: IdentityStore; tokens: TokenIssuers; audit: Audit };

/** Makes the keys that are not there. Rejects with an AdapterError. */
export async function openIdentity(options: {
  dataDir: string;
  database: SqliteDatabase;
  namespaces: { list(): { name: string; createdAt: string }[] };
  clock: Clock;
}): Promise<HostIdentity> {
  const { dataDir, database, namespaces, clock } = options;
  const key = (name: string): Promise<Buffer> => loadOrCreateKeyFile(join(dataDir, 'keys', name), KEY_BYTES);
  return {
    identityStore: new SqliteIdentityStore(database),
    audit: new Audit({ store: new SqliteAuditStore(database), key: await key('audit.key'), clock }),
    tokens: new TokenIssuers({
      own: await OwnIssuer.open(await key('token-issuer.key')),
      store: new SqliteIssuerStore(database),
      keys: new RemoteIssuerKeys({ clock }),
      namespaceSince(name) {
        const found = namespaces.list().find((one) => one.name === name);
        return found === undefined ? undefined : Date.parse(found.createdAt);
      },
      clock,
    }),
  };
}
