/**
 * What werift computes in JavaScript, done by `node:crypto`: the X25519 of each handshake, which was the largest
 * single cost of a viewer that joins. Belongs to werift-transport.ts and its kin; looked at by self-test.ts as it is.
 */
import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync } from 'node:crypto';
import { createRequire } from 'node:module';

/** The two calls that werift makes of tweetnacl. */
type Nacl = {
  box: { keyPair: () => { publicKey: Uint8Array; secretKey: Uint8Array } };
  scalarMult: (secretKey: Uint8Array, publicKey: Uint8Array) => Uint8Array;
};

/** DER in front of the 32 bytes of a key (RFC 8410 sections 4 and 7). */
const PRIVATE_KEY_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_KEY_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');
const KEY_BYTES = 32;
let patched = false;

/**
 * Gives werift OpenSSL's X25519. A public key of small order is refused by an exception, as RFC 7748 section 6.1
 * asks. @throws Error when werift has no tweetnacl any more.
 */
export function patchKeyAgreement(): void {
  if (patched) return;
  patched = true;
  const here = createRequire(import.meta.url);
  // Resolved from werift, so that it is the copy that werift calls.
  const nacl = createRequire(here.resolve('werift'))('tweetnacl') as Nacl;
  nacl.box.keyPair = x25519KeyPair;
  nacl.scalarMult = x25519;
}

/** Raw keys of 32 bytes, each in a buffer of its own: werift takes the whole `ArrayBuffer`. */
export function x25519KeyPair(): { publicKey: Uint8Array; secretKey: Uint8Array } {
  const { publicKey, privateKey } = generateKeyPairSync('x25519');
  return {
    publicKey: Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES)),
    secretKey: Uint8Array.from(privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-KEY_BYTES)),
  };
}

/** RFC 7748 section 5. @throws Error when a key has another length, or the result would be zero. */
export function x25519(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  if (secretKey.length !== KEY_BYTES || publicKey.length !== KEY_BYTES) {
    throw new Error('An X25519 key has 32 bytes.');
  }
  return diffieHellman({
    privateKey: createPrivateKey({
      key: Buffer.concat([PRIVATE_KEY_PREFIX, secretKey]),
      format: 'der',
      type: 'pkcs8',
    }),
    publicKey: createPublicKey({
      key: Buffer.concat([PUBLIC_KEY_PREFIX, publicKey]),
      format: 'der',
      type: 'spki',
    }),
  });
}
