/**
 * TURN credentials derived from an application's key pair: key = HKDF-SHA256(Z, realm, "turn-app-v1")
 * with Z the P-521 Diffie-Hellman of client and server. Each side needs its own private key and the
 * other's public one. Pure.
 */
import { createPrivateKey, createPublicKey, diffieHellman, type KeyObject } from 'node:crypto';
import { deriveV1Key, issueV1Credential, type V1Credential } from './turn-v1.ts';

const CURVE = 'secp521r1';
/** 8 KiB, the bound of the published key ring. */
const MAX_KEY_CHARS = 8192;
const SHARED_SECRET_BYTES = 66;

/**
 * The key both sides share: client private with server public, or server private with client public.
 * @param keys PKCS8 and SPKI, DER as hex.
 * @throws RangeError when a key is not hex, no DER key, or not on P-521.
 */
export function appTurnKey(keys: { privateKeyHex: string; publicKeyHex: string }, realm: string): Buffer {
  const privateKey = readKey('private', keys.privateKeyHex);
  const publicKey = readKey('public', keys.publicKeyHex);
  // The x coordinate in the field's full width: leading zeros are part of it.
  const shared = diffieHellman({ privateKey, publicKey });
  if (shared.length !== SHARED_SECRET_BYTES) throw new RangeError('The shared secret is not of P-521.');
  return deriveV1Key(shared, 'app', realm);
}

/** The public half of a private key: SPKI, DER as hex. @throws RangeError as `appTurnKey`. */
export function appPublicKey(privateKeyHex: string): string {
  const publicKey = createPublicKey(readKey('private', privateKeyHex));
  return publicKey.export({ format: 'der', type: 'spki' }).toString('hex');
}

/**
 * Issues a credential for a client.
 * @throws RangeError for keys `appTurnKey` refuses, a client id outside the grammar or a TTL outside
 * 1 to 3600 seconds.
 */
export function issueAppCredential(options: {
  clientId: string;
  /** PKCS8 DER as hex. */
  clientSecretHex: string;
  /** SPKI DER as hex. */
  serverPublicKeyHex: string;
  realm: string;
  endpoint: string;
  ttlSeconds?: number | undefined;
  nowMs: number;
}): V1Credential {
  const { clientId, clientSecretHex, serverPublicKeyHex, realm, endpoint, ttlSeconds, nowMs } = options;
  const key = appTurnKey({ privateKeyHex: clientSecretHex, publicKeyHex: serverPublicKeyHex }, realm);
  return issueV1Credential({ key, kind: 'app', endpoint, subject: clientId, ttlSeconds, nowMs });
}

/** Node's own errors are not passed on: they may quote key material. */
function readKey(side: 'private' | 'public', hex: string): KeyObject {
  const text = hex.trim();
  let key: KeyObject | undefined;
  if (text.length <= MAX_KEY_CHARS && /^(?:[0-9a-fA-F]{2})+$/.test(text)) {
    const der = Buffer.from(text, 'hex');
    try {
      key =
        side === 'private'
          ? createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
          : createPublicKey({ key: der, format: 'der', type: 'spki' });
    } catch {
      key = undefined;
    }
  }
  if (key?.asymmetricKeyType !== 'ec' || key.asymmetricKeyDetails?.namedCurve !== CURVE) {
    throw new RangeError(`The ${side} key is not a P-521 key in DER as hex.`);
  }
  return key;
}
