/** Random operations on a core without sockets, and what its clients were promised on the way. */
import { ATTRIBUTE, METHOD } from '../../../turn/codec/attribute-types.ts';
import { addressFamily, lifetime, requestedTransport } from '../../../turn/codec/attributes.ts';
import { parseStun } from '../../../turn/codec/stun-message.ts';
import type { SessionRules } from '../../../turn/core/session-rules.ts';
import { Bench, PEER, PEER6, settings, user, type Acts, type Client } from './harness.ts';
import { Promises } from './promises.ts';

const PEERS = [
  PEER,
  { ...PEER, port: 20001 },
  PEER6,
  { address: '10.0.0.10', port: 20000 },
  { address: '10.0.0.8', port: 1 },
];
/** What an Allocate may ask for. */
export const EXTRAS = [
  [],
  [{ type: ATTRIBUTE.EVEN_PORT, value: Buffer.from([0x80]) }],
  [addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6)],
  [addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6)],
];

/** Renews nothing, and gets a challenge as well as any other. */
const INVALID_LIFETIME = { type: ATTRIBUTE.LIFETIME, value: Buffer.alloc(1) };
const WAITS_MS = [1000, 29_000, 97_000, 301_000, 600_000];

export type Step = { kind: string; client: number; pick: number };

/** Five clients of two users on one core, and what they were promised. */
export class SequenceRun {
  readonly bench: Bench;
  readonly promises = new Promises();
  readonly #clients: Client[];
  /** Their credentials outlive every sequence. */
  readonly #users = [user({ ttlSeconds: 1e6 }), user({ subject: 'b', ttlSeconds: 1e6 })];
  readonly #session: SessionRules;
  #opening: Acts = [];
  #draining = false;

  constructor(session: SessionRules) {
    this.#session = session;
    this.bench = new Bench({ session, limits: { ...settings().limits, channelsPerAllocation: 3 } });
    this.#clients = Array.from({ length: 5 }, (_, at) =>
      this.bench.client(at + 1, this.#users[at % 2], at > 2 ? 'tcp' : 'udp'),
    );
  }

  take({ kind, client: at, pick }: Step): void {
    const { bench, promises } = this;
    const client = this.#clients[at]!;
    const { session } = client;
    const { nowMs } = bench;
    switch (kind) {
      case 'challenge':
        bench.once(client, session.request(METHOD.REFRESH, [INVALID_LIFETIME]));
        break;
      case 'allocate': {
        const attributes = [requestedTransport(17), ...EXTRAS[pick % 4]!];
        const { bytes } = session.request(METHOD.ALLOCATE, attributes);
        this.#opening.push(...bench.feed(client, bytes));
        break;
      }
      case 'opened':
      case 'failed': {
        const now = this.#opening;
        this.#opening = [];
        this.#hear(bench.openRelays(now, (family) => kind === 'opened' || (family === 4 && pick === 0)));
        break;
      }
      case 'redeem':
        this.#redeem(client, pick);
        break;
      case 'refresh':
      case 'release': {
        const attributes = kind === 'release' ? [lifetime(0)] : [];
        const { code, message } = bench.once(client, session.request(METHOD.REFRESH, attributes));
        if (code === 'success' && message !== undefined) promises.refreshed(client, message, nowMs);
        break;
      }
      case 'permit': {
        const peer = PEERS[pick]!;
        if (bench.permit(client, peer).code === 'success') promises.permitted(client, peer.address, nowMs);
        break;
      }
      case 'bind': {
        const peer = PEERS[(pick + at) % 5]!;
        const channel = 0x4000 + (pick % 3);
        if (bench.bind(client, channel, peer).code !== 'success') break;
        promises.bound(client, channel, peer.address, nowMs);
        break;
      }
      case 'send':
        for (const action of bench.send(client, PEERS[pick])) {
          if (action.type === 'send-peer' && !bench.core.allowsPeer(action.address, action.port))
            throw new Error('sent to a peer that is not allowed');
        }
        break;
      case 'closed':
        bench.note(bench.core.clientClosed(client, bench.nowMs));
        promises.ended(client);
        break;
      case 'wait':
        bench.advance(WAITS_MS[pick]!);
        break;
      case 'disconnect': {
        const { username } = this.#users[pick % 2]!;
        bench.note(bench.core.disconnect(username).actions);
        this.#clients.forEach((one, index) => {
          if (index % 2 === pick % 2) promises.ended(one);
        });
        break;
      }
      case 'reload':
        bench.note(bench.core.configure({ ...settings(), session: this.#session }, bench.nowMs));
        break;
      case 'drain':
        // Seldom: there is no way back.
        if (at + pick > 0) break;
        bench.core.drain();
        this.#draining = true;
        break;
    }
  }

  /** Nothing is left when everybody has gone and all time is over. */
  endsEmpty(): boolean {
    this.bench.openRelays(this.#opening);
    this.bench.advance(10_000_000);
    const { sizes } = this.bench.core;
    return this.bench.relays.size === 0 && Object.values(sizes).every((size) => size === 0);
  }

  /** A reserved port belongs to its user, once, for its time; while draining to nobody. */
  #redeem(client: Client, pick: number): void {
    const { bench, promises } = this;
    const token = promises.tokens[pick % Math.max(1, promises.tokens.length)];
    if (token === undefined) return;
    const isFree = bench.core.lookup(client.listener, client.address, client.port) === undefined;
    const { username } = this.#users[this.#clients.indexOf(client) % 2]!;
    const isDue = isFree && !this.#draining && token.untilMs > bench.nowMs && token.username === username;
    const { code, actions } = bench.allocate(client, [
      { type: ATTRIBUTE.RESERVATION_TOKEN, value: token.value },
    ]);
    if ((code === 'success') !== isDue) throw new Error(`redeemed: ${String(code)}, due: ${String(isDue)}`);
    if (code !== 'success') return;
    promises.tokens = promises.tokens.filter((one) => one !== token);
    this.#hear(actions);
  }

  /** Success answers to Allocate, whoever they are for. */
  #hear(actions: Acts): void {
    for (const action of actions) {
      if (action.type !== 'answer') continue;
      const message = parseStun(action.bytes);
      if (message?.class !== 'success' || message.method !== METHOD.ALLOCATE) continue;
      const at = this.#clients.findIndex((one) => one.port === action.client.port);
      const { username } = this.#users[at % 2]!;
      this.promises.allocated(this.#clients[at]!, message, username, this.bench.nowMs);
    }
  }
}
