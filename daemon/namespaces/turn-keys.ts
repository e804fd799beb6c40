/** Keys of derived TURN credentials: from what is stored, sealed, to what the TURN service verifies with. Pure. */
import type { TurnAccess } from '../contract/turn-access.ts';
import type { TurnServiceConfig } from '../contract/turn-config.ts';
import { appTurnKey } from '../credentials/turn-app.ts';
import { patTurnKey } from '../credentials/turn-pat.ts';
import { InvalidStateError } from '../kit/errors.ts';
import type { Sealer } from './system.ts';

type DerivedKeys = NonNullable<TurnServiceConfig['derived']>;

/**
 * What is stored does not depend on the realm, what it is used as does.
 * @returns null when nobody is registered. Throws an AdapterError for what another host sealed.
 */
export function openDerivedKeys(options: {
  sealer: Pick<Sealer, 'unseal'>;
  namespace: string;
  realm: string;
  access: TurnAccess;
}): DerivedKeys | null {
  const { sealer, namespace, realm, access } = options;
  if (access.keys.length === 0) return null;
  const serverKey =
    access.serverKey === null ? undefined : sealer.unseal('turn-server-key', namespace, access.serverKey);
  const keys = access.keys.map(({ kind, subject, sealed }) => {
    const text = sealer.unseal('turn-derived-key', namespace, sealed);
    if (kind === 'pat') {
      return { kind, subject, key: patTurnKey(Buffer.from(text, 'hex'), realm).toString('hex') };
    }
    if (serverKey === undefined) throw new InvalidStateError('an application without a server key');
    const key = appTurnKey({ privateKeyHex: serverKey, publicKeyHex: text }, realm);
    return { kind, subject, key: key.toString('hex') };
  });
  return { endpoint: namespace, keys };
}
