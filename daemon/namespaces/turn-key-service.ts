/**
 * Who may derive TURN credentials: holders of registered access tokens, and applications with a registered key
 * pair. Of a token only its digest is kept, of an application its public key.
 */
import { generateKeyPairSync } from 'node:crypto';
import { AppError } from '../contract/errors.ts';
import {
  MAX_DERIVED_KEYS,
  type RegisterTurnKey,
  type TurnAccess,
  type TurnKey,
  type TurnKeyList,
} from '../contract/turn-access.ts';
import { appPublicKey, appTurnKey } from '../credentials/turn-app.ts';
import { patDigest, patHolder } from '../credentials/turn-pat.ts';
import type { Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import type { Logger } from '../kit/logger.ts';
import type { ControlLinks } from './control-links.ts';
import { turnRealm } from './render-service-config.ts';
import type { RunningSettings } from './running-settings.ts';
import type { StateKeeper } from './state-keeper.ts';
import type { NamespaceStore, Sealer, WebrtcRecord } from './system.ts';

type StoredKey = TurnAccess['keys'][number];

export type TurnKeyOptions = {
  store: Pick<NamespaceStore, 'webrtcConfig' | 'webrtcConfigs' | 'setTurnKeys'>;
  sealer: Sealer;
  state: Pick<StateKeeper, 'save'>;
  settings: RunningSettings;
  links: Pick<ControlLinks, 'turn'>;
  /** Throws namespace_not_found or webrtc_not_enabled. */
  requireEnabled: (namespace: string) => void;
  controlTimeoutMs: number;
  clock: Clock;
  log: Logger;
};

export class TurnKeyService {
  readonly #options: TurnKeyOptions;

  constructor(options: TurnKeyOptions) {
    this.#options = options;
  }

  /** With what a holder needs to derive: realm, endpoint and the server's public key. */
  list(namespace: string): TurnKeyList {
    const config = this.#config(namespace);
    return {
      realm: turnRealm(config),
      endpoint: namespace,
      serverPublicKey: this.#publicKey(config),
      items: config.turnAccess.keys.map(shown),
    };
  }

  /** What an SDK looks up by its realm; undefined for a realm without applications. */
  publicKeyOf(realm: string): string | undefined {
    const wanted = realm.toLowerCase();
    const config = this.#options.store
      .webrtcConfigs()
      .find((one) => turnRealm(one).toLowerCase() === wanted && one.turnAccess.serverKey !== null);
    return config === undefined ? undefined : (this.#publicKey(config) ?? undefined);
  }

  /**
   * A subject that is registered already gets the new key. Throws invalid_request for a token or key that cannot
   * be used, conflict when there are too many.
   */
  async register(namespace: string, request: RegisterTurnKey): Promise<TurnKey> {
    const { sealer, log } = this.#options;
    const before = this.#config(namespace).turnAccess;
    const serverKey =
      request.kind === 'app' && before.serverKey === null
        ? sealer.seal('turn-server-key', namespace, newServerKey())
        : before.serverKey;
    const added = this.#stored(namespace, request, serverKey);
    const others = before.keys.filter((one) => !isSame(one, added));
    if (others.length >= MAX_DERIVED_KEYS) {
      const sentence = `"${namespace}" has ${String(MAX_DERIVED_KEYS)} registered keys already: remove one first.`;
      throw new AppError('conflict', sentence);
    }
    await this.#put(namespace, { ...before, serverKey, keys: [...others, added] });
    log.info({ namespace, kind: added.kind, subject: added.subject }, 'TURN key registered');
    return shown(added);
  }

  /** Its sessions end. Throws not_found. @returns how many sessions that ended. */
  async remove(namespace: string, key: Pick<TurnKey, 'kind' | 'subject'>): Promise<{ ended: number }> {
    const { links, controlTimeoutMs: timeoutMs, log } = this.#options;
    const { kind, subject } = key;
    const before = this.#config(namespace).turnAccess;
    const keys = before.keys.filter((one) => !isSame(one, key));
    if (keys.length === before.keys.length) {
      throw new AppError('not_found', `"${namespace}" has no ${kind} key of "${subject}".`);
    }
    await this.#put(namespace, { ...before, keys });
    log.info({ namespace, kind, subject }, 'TURN key removed');
    try {
      const control = await links.turn(namespace, timeoutMs);
      const target = { subject: `${kind}:${subject}` };
      return { ended: (await control?.call('disconnect', target, { timeoutMs }))?.ended ?? 0 };
    } catch (error) {
      log.warn({ namespace, reason: messageOf(error) }, 'the TURN service did not answer');
      return { ended: 0 };
    }
  }

  #stored(namespace: string, request: RegisterTurnKey, serverKey: string | null): StoredKey {
    const { sealer, clock } = this.#options;
    const seal = (text: string): string => sealer.seal('turn-derived-key', namespace, text);
    try {
      if (request.kind === 'pat') {
        const { token, tokenEndpoint } = request;
        const { subject, expiresAtSeconds } = patHolder(token, tokenEndpoint);
        const untilMs = expiresAtSeconds * 1000;
        if (untilMs <= clock.nowMs()) throw new RangeError('The token has expired.');
        return { kind: 'pat', subject, sealed: seal(patDigest(token).toString('hex')), untilMs };
      }
      const { clientId: subject, publicKey } = request;
      const privateKeyHex = sealer.unseal('turn-server-key', namespace, serverKey ?? '');
      // A key that does not agree is refused now, not by the TURN service.
      appTurnKey({ privateKeyHex, publicKeyHex: publicKey }, namespace);
      return { kind: 'app', subject, sealed: seal(publicKey.trim()), untilMs: null };
    } catch (error) {
      if (error instanceof RangeError) throw new AppError('invalid_request', error.message);
      throw error;
    }
  }

  async #put(namespace: string, turnAccess: TurnAccess): Promise<void> {
    const { store, settings, state, log } = this.#options;
    store.setTurnKeys(namespace, { ...this.#config(namespace), turnAccess });
    settings.adopt(namespace);
    await settings.applySoon('turn', namespace);
    try {
      await state.save();
    } catch (error) {
      log.error({ reason: messageOf(error) }, 'state file not written');
    }
  }

  #publicKey({ namespace, turnAccess }: WebrtcRecord): string | null {
    const { sealer } = this.#options;
    if (turnAccess.serverKey === null) return null;
    return appPublicKey(sealer.unseal('turn-server-key', namespace, turnAccess.serverKey));
  }

  #config(namespace: string): WebrtcRecord {
    this.#options.requireEnabled(namespace);
    const config = this.#options.store.webrtcConfig(namespace);
    if (config?.state === 'enabled') return config;
    throw new AppError('webrtc_not_enabled', `WebRTC is not enabled for the namespace "${namespace}".`);
  }
}

function isSame(one: Pick<TurnKey, 'kind' | 'subject'>, other: Pick<TurnKey, 'kind' | 'subject'>): boolean {
  return one.kind === other.kind && one.subject === other.subject;
}

function shown({ kind, subject, untilMs }: StoredKey): TurnKey {
  return { kind, subject, until: untilMs === null ? null : new Date(untilMs).toISOString() };
}

/** PKCS8 DER as hex, on the curve of the published scheme. */
function newServerKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'secp521r1' });
  return privateKey.export({ format: 'der', type: 'pkcs8' }).toString('hex');
}
