/** The core without sockets: clients and relays are plain objects, relays "open" when a test says so. */
import { createHash } from 'node:crypto';
import { DEFAULT_TURN_LIMITS } from '../../../contract/turn-config.ts';
import { issueRestCredential } from '../../../credentials/turn-rest.ts';
import type { IpFamily } from '../../../kit/ip-address.ts';
import { ATTRIBUTE, METHOD, TRANSPORT_TCP, TRANSPORT_UDP } from '../../../turn/codec/attribute-types.ts';
import {
  channelNumber,
  connectionId,
  readErrorCode,
  requestedTransport,
} from '../../../turn/codec/attributes.ts';
import {
  attributeOf,
  parseStun,
  type StunAttribute,
  type StunMessage,
} from '../../../turn/codec/stun-message.ts';
import type { Action, RelayOpened } from '../../../turn/core/actions.ts';
import type { PeerConnection } from '../../../turn/core/allocation.ts';
import type { ClientRef, RelayRef } from '../../../turn/core/endpoints.ts';
import { ClientSession, type ClientRequest } from '../../../turn/core/client-session.ts';
import { RestCredentials } from '../../../turn/core/credential-model.ts';
import { PeerPolicy } from '../../../turn/core/peer-policy.ts';
import { NO_SESSION_RULES } from '../../../turn/core/session-rules.ts';
import { TurnCore } from '../../../turn/core/turn-core.ts';
import type { TurnSettings } from '../../../turn/core/turn-state.ts';
import { endpoint } from '../../helpers/turn-client.ts';

export const NOW = 1_700_000_000_000;
export const SECRET = 'the secret of namespace one';
export const PEER = { address: '10.0.0.9', port: 20000 };
export const PEER6 = { address: 'fd00::9', port: 20000 };

export type Client = ClientRef & { session: ClientSession };
export type Acts = Action<ClientRef, RelayRef>[];
export type Connection = PeerConnection<ClientRef, RelayRef>;

export function settings(change: Partial<TurnSettings> = {}): TurnSettings {
  return {
    realm: 'one.test',
    credentials: new RestCredentials({ namespace: 'one', realm: 'one.test', secrets: [SECRET] }),
    policy: new PeerPolicy([
      { address: PEER.address, minPort: 20000, maxPort: 20009 },
      { address: PEER6.address, minPort: 20000, maxPort: 20009 },
      { address: '10.0.0.10', minPort: 20000, maxPort: 20009 },
    ]),
    session: NO_SESSION_RULES,
    limits: {
      ...DEFAULT_TURN_LIMITS,
      allocationsPerUser: 3,
      allocations: 5,
      permissionsPerAllocation: 2,
      channelsPerAllocation: 2,
    },
    tcpRelaying: false,
    relayFamilies: [4, 6],
    unfragmentedBytes: { 4: 1472, 6: 1452 },
    lastChannel: 0x4fff,
    additionalFamilyTypes: [ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY],
    ...change,
  };
}

export function user(
  change: { secret?: string; namespace?: string; subject?: string; ttlSeconds?: number } = {},
): { username: string; password: string } {
  return issueRestCredential({ secret: SECRET, namespace: 'one', ttlSeconds: 600, nowMs: NOW, ...change });
}

/** Repeatable "random" bytes. */
function counterBytes(): (count: number) => Buffer {
  let counter = 0;
  return (count) => {
    counter += 1;
    return createHash('sha512').update(String(counter)).digest().subarray(0, count);
  };
}

export class Bench {
  readonly core: TurnCore<ClientRef, RelayRef>;
  nowMs = NOW;
  /** Relays that are open: what a leak would show in. */
  readonly relays = new Set<RelayRef>();
  /** Sockets to peers that a shell would have open. */
  readonly connections = new Set<Connection>();
  readonly #random = counterBytes();
  #nextPort = 50000;

  constructor(change: Partial<TurnSettings> = {}) {
    this.core = new TurnCore({
      settings: settings(change),
      nonceKey: Buffer.alloc(32, 5),
      randomBytes: this.#random,
      nowMs: () => this.nowMs,
    });
  }

  client(port: number, credential = user(), transport: 'udp' | 'tcp' = 'udp'): Client {
    const session = new ClientSession({ ...credential, randomBytes: this.#random });
    return { listener: transport === 'udp' ? 0 : 1, transport, address: '192.0.2.7', port, session };
  }

  /** Feeds one message and keeps the books of relays. */
  feed(client: ClientRef, bytes: Buffer): Acts {
    return this.note(this.core.handleMessage(client, bytes, this.nowMs));
  }

  note(actions: Acts): Acts {
    for (const action of actions) {
      if (action.type === 'close-relay' && !this.relays.delete(action.relay)) {
        throw new Error('a relay was closed twice');
      }
      if (action.type === 'connect-peer') this.connections.add(action.connection);
      if (action.type === 'close-connection' && !this.connections.delete(action.connection)) {
        throw new Error('a connection was closed twice, or before it was there');
      }
    }
    return actions;
  }

  advance(byMs: number): Acts {
    this.nowMs += byMs;
    return this.note(this.core.expire(this.nowMs));
  }

  /** Answers every `open-relays`; `give` decides on each socket. */
  openRelays(actions: Acts, give: (family: IpFamily) => boolean = () => true): Acts {
    return actions.flatMap((action) => {
      if (action.type !== 'open-relays') return [action];
      const results = action.wants.map(({ family, parity }): RelayOpened<RelayRef> => {
        if (!give(family)) return undefined;
        if (parity !== 'any' && this.#nextPort % 2 === 1) this.#nextPort += 1;
        return {
          relay: this.#relay(family),
          reserved: parity === 'even-pair' ? this.#relay(family) : undefined,
        };
      });
      return this.note(this.core.relaysOpened(action.allocation, results, this.nowMs));
    });
  }

  /** One request as it is, relays opened at once. */
  once(
    client: Client,
    request: ClientRequest,
  ): { code: number | 'success' | 'again' | 'none'; actions: Acts; message: StunMessage | undefined } {
    const actions = this.openRelays(this.feed(client, request.bytes));
    const bytes = actions.flatMap((action) => (action.type === 'answer' ? [action.bytes] : []))[0];
    if (bytes === undefined) return { code: 'none', actions, message: undefined };
    const answer = client.session.read(bytes, request);
    if (answer === undefined || answer.type === 'forged')
      throw new Error('the answer does not fit its request');
    const code = answer.type === 'error' ? answer.code : answer.type;
    return { code, actions, message: parseStun(bytes) };
  }

  /** A request that follows the challenge. */
  request(client: Client, method: number, attributes: StunAttribute[] = []): ReturnType<Bench['once']> {
    const first = this.once(client, client.session.request(method, attributes));
    return first.code === 'again' ? this.once(client, client.session.request(method, attributes)) : first;
  }

  allocate(client: Client, attributes: StunAttribute[] = []): ReturnType<Bench['once']> {
    return this.request(client, METHOD.ALLOCATE, [requestedTransport(TRANSPORT_UDP), ...attributes]);
  }

  /** A TCP allocation. */
  allocateTcp(client: Client, attributes: StunAttribute[] = []): ReturnType<Bench['once']> {
    return this.request(client, METHOD.ALLOCATE, [requestedTransport(TRANSPORT_TCP), ...attributes]);
  }

  /** A Connect request; the answer comes with `peerAnswers`. */
  connect(client: Client, peer = PEER): ReturnType<Bench['once']> & { request: ClientRequest } {
    const request = client.session.peerRequest(METHOD.CONNECT, endpoint(peer));
    return { ...this.once(client, request), request };
  }

  peerAnswers(connection: Connection, connected: boolean): Acts {
    return this.note(this.core.peerConnected(connection, connected, this.nowMs));
  }

  /** A peer connects to the first relay of a client. */
  peerArrives(client: Client, from = PEER): { connection: Connection | undefined; actions: Acts } {
    const allocation = this.core.lookup(client.listener, client.address, client.port)!;
    const { connection, actions } = this.core.peerArrived(
      allocation,
      { relay: allocation.relays[0]!, ...from },
      this.nowMs,
    );
    if (connection !== undefined) this.connections.add(connection);
    return { connection, actions: this.note(actions) };
  }

  connectionBind(client: Client, id: number): ReturnType<Bench['once']> {
    return this.request(client, METHOD.CONNECTION_BIND, [connectionId(id)]);
  }

  permit(client: Client, peer = PEER): ReturnType<Bench['once']> {
    return this.once(client, client.session.peerRequest(METHOD.CREATE_PERMISSION, endpoint(peer)));
  }

  bind(client: Client, channel: number, peer = PEER): ReturnType<Bench['once']> {
    return this.once(
      client,
      client.session.peerRequest(METHOD.CHANNEL_BIND, endpoint(peer), [channelNumber(channel)]),
    );
  }

  send(client: Client, peer = PEER, payload = Buffer.from('hello')): Acts {
    return this.feed(client, client.session.send(endpoint(peer), payload));
  }

  #relay(family: IpFamily): RelayRef {
    const relay = { family, address: family === 4 ? '10.0.0.1' : 'fd00::1', port: this.#nextPort };
    this.#nextPort += 1;
    this.relays.add(relay);
    return relay;
  }
}

/** The number in an error answer. */
export function errorOf(message: StunMessage): number | undefined {
  const value = attributeOf(message, ATTRIBUTE.ERROR_CODE);
  return value === undefined ? undefined : readErrorCode(value);
}
