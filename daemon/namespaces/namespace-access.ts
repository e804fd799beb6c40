/** How callers and cameras reach the services of a namespace: credentials, the way to its SFU, which SFU answers. */
import { AppError } from '../contract/errors.ts';
import type { TurnCredentials } from '../contract/ice.ts';
import { issueRestCredential } from '../credentials/turn-rest.ts';
import type { Clock } from '../kit/clock.ts';
import type { ControlLinks, SfuLinkEvent } from './control-links.ts';
import { notEnabled, type EnabledNamespaces } from './enabled-namespaces.ts';
import { turnUris } from './render-service-config.ts';
import type { SfuControl, Unsubscribe } from './system.ts';

/** Shortest and longest life of a credential that a caller may ask for, in seconds. */
const MIN_TTL_SECONDS = 30;
export const MAX_TTL_SECONDS = 86_400;

export type SfuDirectory = {
  sfu(namespace: string): SfuControl | undefined;
  watch(listener: (event: SfuLinkEvent) => void): Unsubscribe;
  turnCredentials(namespace: string, options: { subject: string; ttlSeconds?: number }): TurnCredentials;
};

export type NamespaceAccessOptions = {
  enabled: Pick<EnabledNamespaces, 'get'>;
  links: Pick<ControlLinks, 'servesDtls' | 'sfu' | 'watch'>;
  /** Throws forbidden. */
  refuseRevoked: (namespace: string, subject: string) => void;
  clock: Clock;
};

export class NamespaceAccess {
  readonly #options: NamespaceAccessOptions;

  constructor(options: NamespaceAccessOptions) {
    this.#options = options;
  }

  /**
   * TURN REST credentials, as the callers of the API and the cameras get them. Throws webrtc_not_enabled, or
   * forbidden for a revoked subject.
   * @param options.ttlSeconds is brought within 30 s and a day; without it the configured life counts.
   * @param options.browser leaves out the URIs of DTLS, which browsers do not speak.
   */
  turnCredentials(
    name: string,
    options: { subject: string; ttlSeconds?: number; browser?: boolean },
  ): TurnCredentials {
    const { enabled, links, refuseRevoked, clock } = this.#options;
    const inputs = enabled.get(name);
    if (inputs === undefined) throw notEnabled(name);
    refuseRevoked(name, options.subject);
    const ttl = Math.min(
      MAX_TTL_SECONDS,
      Math.max(MIN_TTL_SECONDS, Math.floor(options.ttlSeconds ?? inputs.ttlSeconds)),
    );
    const { username, password } = issueRestCredential({
      secret: inputs.turnSecret,
      namespace: name,
      subject: options.subject,
      ttlSeconds: ttl,
      nowMs: clock.nowMs(),
    });
    const dtls = options.browser !== true && links.servesDtls(name);
    const uris = turnUris(inputs, { dtls });
    return { uris, username, password, ttl, urls: uris, credential: password };
  }

  /** Where the namespace's SFU takes signaling, and the key of its tickets; undefined when not enabled. */
  signaling(name: string): { address: string; port: number; ticketKey: string } | undefined {
    const inputs = this.#options.enabled.get(name);
    if (inputs === undefined) return undefined;
    const { shieldAddress, blocks, ticketKey } = inputs;
    return { address: shieldAddress, port: blocks.sfuSignaling, ticketKey };
  }

  /**
   * The namespaces as the cameras see them: which SFU answers now and what all of them say. Its credentials
   * are refused with credential_not_configured while the namespace has no WebRTC.
   */
  sfuDirectory(): SfuDirectory {
    const { enabled, links } = this.#options;
    return {
      sfu: (namespace) => links.sfu(namespace),
      watch: (listener) => links.watch(listener),
      turnCredentials: (namespace, options) => {
        if (enabled.get(namespace) === undefined) {
          const sentence = `WebRTC is not enabled for the namespace "${namespace}".`;
          throw new AppError('credential_not_configured', sentence);
        }
        return this.turnCredentials(namespace, options);
      },
    };
  }
}
