/** Tokens that this host issues itself: signed with its own key (Ed25519), for one namespace and role each. */
import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, SignJWT, type JWK } from 'jose';
import { OWN_ISSUER, type Issuer } from '../contract/issuers.ts';
import type { Role } from '../contract/api.ts';

export const OWN_AUDIENCE = 'turnkeep';
const NAMESPACE_CLAIM = 'ns';
const ROLE_CLAIM = 'role';
/** PKCS #8 of an Ed25519 key is this and its 32 bytes (RFC 8410 section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export class OwnIssuer {
  readonly #key: KeyObject;
  /** With the `kid` that tokens name. */
  readonly publicJwk: JWK;
  readonly publicKey: KeyObject;
  /** The `iss` of its tokens: of this key, so that those of another host are not taken for them. */
  readonly issuer: string;

  private constructor(key: KeyObject, publicKey: KeyObject, jwk: JWK, kid: string) {
    this.#key = key;
    this.publicKey = publicKey;
    this.publicJwk = { ...jwk, kid, alg: 'EdDSA', use: 'sig' };
    this.issuer = `urn:turnkeep:${kid}`;
  }

  /** @param seed 32 secret bytes. */
  static async open(seed: Buffer): Promise<OwnIssuer> {
    const der = Buffer.concat([PKCS8_PREFIX, seed]);
    const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey(key);
    const jwk = await exportJWK(publicKey);
    return new OwnIssuer(key, publicKey, jwk, await calculateJwkThumbprint(jwk));
  }

  sign(claims: {
    subject: string;
    namespace: string;
    role: Role;
    nowMs: number;
    expiresAtMs: number;
  }): Promise<string> {
    const { subject, namespace, role, nowMs, expiresAtMs } = claims;
    return new SignJWT({ [NAMESPACE_CLAIM]: namespace, [ROLE_CLAIM]: role })
      .setProtectedHeader({ alg: 'EdDSA', kid: this.publicJwk.kid ?? '', typ: 'JWT' })
      .setIssuer(this.issuer)
      .setAudience(OWN_AUDIENCE)
      .setSubject(subject)
      .setIssuedAt(Math.floor(nowMs / 1000))
      .setExpirationTime(Math.floor(expiresAtMs / 1000))
      .sign(this.#key);
  }

  /** As the list of issuers shows it. */
  view(): Issuer {
    return {
      name: OWN_ISSUER,
      kind: 'own',
      issuer: this.issuer,
      audience: OWN_AUDIENCE,
      jwksUri: null,
      algorithms: ['EdDSA'],
      namespaces: null,
      namespaceClaim: NAMESPACE_CLAIM,
      roleClaim: ROLE_CLAIM,
      roles: { viewer: 'viewer', operator: 'operator', owner: 'owner' },
      defaultRole: null,
      clockSkewSeconds: 0,
      createdAt: null,
    };
  }
}
