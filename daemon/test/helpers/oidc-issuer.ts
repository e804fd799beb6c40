/** An OpenID Connect issuer on loopback: discovery, keys that rotate, and every way to misbehave. */
import type { webcrypto } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';
import type { Test } from 'tap';

type Key = { kid: string; jwk: JWK; privateKey: webcrypto.CryptoKey };
/** `hang`: no answer; `huge`: one that never ends; `redirect`: elsewhere; `broken`: 500; `text`: no JSON. */
export type Behaviour = 'well' | 'hang' | 'huge' | 'redirect' | 'broken' | 'text';

export class OidcIssuer {
  readonly url: string;
  behaviour: Behaviour = 'well';
  /** What the discovery document says; undefined: the truth. */
  claimedIssuer: string | undefined;
  /** Requests for the keys. */
  asked = 0;
  key!: Key;
  keys: Key[] = [];

  private constructor(url: string) {
    this.url = url;
  }

  static async start(t: Test, address: string): Promise<OidcIssuer> {
    const late: { issuer?: OidcIssuer } = {};
    const server = createServer((request, response) => {
      const issuer = late.issuer!;
      if (request.url === '/keys') issuer.asked += 1;
      switch (issuer.behaviour) {
        case 'hang':
          return;
        case 'huge':
          response.write('{"keys":["');
          for (let written = 0; written < 200; written += 1) response.write('x'.repeat(1024));
          return;
        case 'redirect':
          response.writeHead(302, { location: '/other' }).end();
          return;
        case 'broken':
          response.writeHead(500).end();
          return;
        case 'text':
          response.end('<html>');
          return;
        case 'well':
          response.end(JSON.stringify(issuer.#document(request.url ?? '')));
      }
    });
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    const issuer = new OidcIssuer(`http://${address}:${String((server.address() as AddressInfo).port)}`);
    late.issuer = issuer;
    await issuer.rotate();
    return issuer;
  }

  /** A new key signs from now on; with `forget` the ones before are published no more. */
  async rotate(options: { forget?: boolean } = {}): Promise<void> {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const kid = `key-${String(this.keys.length + 1)}-${String(Math.random())}`;
    this.key = { kid, jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256' }, privateKey };
    this.keys = options.forget === true ? [this.key] : [...this.keys, this.key];
  }

  /** A token as it issues them, but for `claims` and `header`. A claim that is undefined is left out. */
  sign(
    nowMs: number,
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
  ): Promise<string> {
    const now = Math.floor(nowMs / 1000);
    const standard = { iss: this.url, aud: 'turnkeep-test', sub: 'alice', iat: now, exp: now + 600 };
    return new SignJWT({ ...standard, groups: ['watchers'], tenant: 'a', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: this.key.kid, ...header })
      .sign(this.key.privateKey);
  }

  #document(path: string): unknown {
    if (path === '/.well-known/openid-configuration') {
      return { issuer: this.claimedIssuer ?? this.url, jwks_uri: `${this.url}/keys` };
    }
    return { keys: this.keys.map(({ jwk }) => jwk) };
  }
}
