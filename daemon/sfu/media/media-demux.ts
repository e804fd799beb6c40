/**
 * Decides what happens to each datagram of the shared media port: relay filter first, then RFC 7983 by
 * the first byte, then the owner by STUN USERNAME (verified here) or by the address that a verified
 * request bound. Only bytes in, actions out: the socket is in udp-mux.ts.
 */
import { PROBE_UFRAG } from '../../credentials/probe.ts';
import type { DropCounter } from '../../kit/drop-counter.ts';
import type { RelaySet } from './relay-set.ts';
import { bindingSuccess, hasIntegrity, readBinding, type IceRole } from './stun-binding.ts';

export type MuxDrop =
  | 'not-relay'
  | 'unknown-protocol'
  | 'unknown-source'
  | 'stun-malformed'
  | 'stun-unknown-user'
  | 'stun-unauthenticated'
  | 'stun-unexpected'
  | 'send-not-relay'
  | 'send-queue-full'
  | 'send-failed'
  | 'handler-failed';

/** One peer connection behind the shared port. Handlers run on the packet path: they must not throw. */
export interface MuxEndpoint {
  /**
   * A Binding request that proved the password, or a response to one of this endpoint's requests. The buffer is
   * the endpoint's, as that of `onDtls`.
   */
  onStun(datagram: Buffer, address: string, port: number, useCandidate: boolean): void;
  /**
   * True when a check from there that nominates nothing would tell ICE nothing it does not know: it is answered
   * here. @param role Of whoever sent it, as it says.
   */
  isSettled(address: string, port: number, role: IceRole | undefined): boolean;
  onDtls(datagram: Buffer, address: string, port: number): void;
  /** SRTP or SRTCP. The buffer is the receiver's until it returns. */
  onMedia(datagram: Buffer): void;
}

type Credential = { endpoint: MuxEndpoint; password: string; current: boolean };

/** A client has one relayed address per transport and family and ICE generation. */
const MAX_ADDRESSES_PER_ENDPOINT = 16;
/** STUN requests of ours that wait for an answer, over all endpoints; the oldest is forgotten first. */
const MAX_TRANSACTIONS = 20_000;

export class MediaDemux {
  readonly #drops: DropCounter<MuxDrop>;
  readonly #reply: (datagram: Buffer, port: number, address: string) => void;
  readonly #credentials = new Map<string, Credential>();
  readonly #byAddress = new Map<string, Map<number, MuxEndpoint>>();
  readonly #addressesOf = new Map<MuxEndpoint, { address: string; port: number }[]>();
  readonly #transactions = new Map<string, MuxEndpoint>();
  #relays: RelaySet;
  #probePassword: string;

  constructor(options: {
    relays: RelaySet;
    probePassword: string;
    drops: DropCounter<MuxDrop>;
    reply: (datagram: Buffer, port: number, address: string) => void;
  }) {
    this.#relays = options.relays;
    this.#probePassword = options.probePassword;
    this.#drops = options.drops;
    this.#reply = options.reply;
  }

  get relays(): RelaySet {
    return this.#relays;
  }

  /** Takes new relay blocks and probe password; addresses that are no relays any more fall silent. */
  configure(relays: RelaySet, probePassword: string): void {
    this.#relays = relays;
    this.#probePassword = probePassword;
  }

  /** Lets requests with this local ufrag through. Not `current`: an older ICE generation, answered here. */
  setCredential(ufrag: string, credential: Credential): void {
    this.#credentials.set(ufrag, credential);
  }

  dropCredential(ufrag: string): void {
    this.#credentials.delete(ufrag);
  }

  /** Forgets an endpoint: its addresses, transactions and credentials. */
  remove(endpoint: MuxEndpoint): void {
    for (const { address, port } of this.#addressesOf.get(endpoint) ?? []) {
      this.#unbind(endpoint, address, port);
    }
    this.#addressesOf.delete(endpoint);
    for (const [ufrag, credential] of this.#credentials) {
      if (credential.endpoint === endpoint) this.#credentials.delete(ufrag);
    }
    for (const [id, owner] of this.#transactions) if (owner === endpoint) this.#transactions.delete(id);
  }

  /** Remembers who asked, so that the answer finds its way. Called for every datagram ICE sends. */
  noteOutgoingStun(endpoint: MuxEndpoint, datagram: Buffer): void {
    if (datagram.length < 20 || datagram.readUInt16BE(0) !== 0x0001) return;
    if (this.#transactions.size >= MAX_TRANSACTIONS) {
      const oldest = this.#transactions.keys().next();
      if (oldest.done !== true) this.#transactions.delete(oldest.value);
    }
    this.#transactions.set(datagram.toString('latin1', 8, 20), endpoint);
  }

  /** The packet path. The buffer is the caller's again when it returns. */
  receive(datagram: Buffer, address: string, port: number): void {
    if (!this.#relays.has(address, port)) {
      this.#drops.add('not-relay');
      return;
    }
    const first = datagram[0] ?? 255;
    if (first >= 128 && first <= 191) {
      const owner = this.#byAddress.get(address)?.get(port);
      if (owner === undefined) this.#drops.add('unknown-source');
      else owner.onMedia(datagram);
    } else if (first <= 3) {
      this.#stun(datagram, address, port);
    } else if (first >= 20 && first <= 63) {
      const owner = this.#byAddress.get(address)?.get(port);
      if (owner === undefined) this.#drops.add('unknown-source');
      else owner.onDtls(Buffer.from(datagram), address, port);
    } else {
      this.#drops.add('unknown-protocol');
    }
  }

  #stun(datagram: Buffer, address: string, port: number): void {
    const message = readBinding(datagram);
    if (message === undefined) {
      this.#drops.add('stun-malformed');
      return;
    }
    switch (message.class) {
      case 'indication':
        return; // RFC 8445 section 11 keepalive: it asks for nothing.
      case 'success':
      case 'error': {
        const endpoint = this.#transactions.get(message.transactionId);
        if (endpoint === undefined) {
          this.#drops.add('stun-unexpected');
          return;
        }
        this.#transactions.delete(message.transactionId);
        this.#bind(endpoint, address, port);
        endpoint.onStun(Buffer.from(datagram), address, port, false);
        return;
      }
      case 'request': {
        const colon = message.username.indexOf(':');
        const ufrag = colon === -1 ? message.username : message.username.slice(0, colon);
        const probe = ufrag === PROBE_UFRAG && colon !== -1;
        const credential = probe ? undefined : this.#credentials.get(ufrag);
        const password = probe ? this.#probePassword : credential?.password;
        if (password === undefined) {
          this.#drops.add('stun-unknown-user');
          return;
        }
        if (!hasIntegrity(datagram, message, password)) {
          this.#drops.add('stun-unauthenticated');
          return;
        }
        if (credential !== undefined) this.#bind(credential.endpoint, address, port);
        const isNews =
          credential?.current === true &&
          (message.useCandidate || !credential.endpoint.isSettled(address, port, message.role));
        if (isNews) {
          credential.endpoint.onStun(Buffer.from(datagram), address, port, message.useCandidate);
        } else {
          // The relay proof, the checks that keep a path alive (an ICE agent takes 0.3 ms for each), and those of
          // the generation before an ICE restart: they keep the old path until the new one is nominated.
          this.#reply(bindingSuccess(datagram, address, port, password), port, address);
        }
      }
    }
  }

  /** An address belongs to whoever proved a password from it last: relays re-use ports. */
  #bind(endpoint: MuxEndpoint, address: string, port: number): void {
    const ports = this.#byAddress.get(address) ?? new Map<number, MuxEndpoint>();
    const owner = ports.get(port);
    if (owner === endpoint) return;
    if (owner !== undefined) this.#unbind(owner, address, port);
    ports.set(port, endpoint);
    this.#byAddress.set(address, ports);
    const list = this.#addressesOf.get(endpoint) ?? [];
    list.push({ address, port });
    this.#addressesOf.set(endpoint, list);
    if (list.length > MAX_ADDRESSES_PER_ENDPOINT) {
      const oldest = list[0];
      if (oldest !== undefined) this.#unbind(endpoint, oldest.address, oldest.port);
    }
  }

  #unbind(endpoint: MuxEndpoint, address: string, port: number): void {
    const ports = this.#byAddress.get(address);
    if (ports?.get(port) === endpoint) ports.delete(port);
    if (ports?.size === 0) this.#byAddress.delete(address);
    const list = this.#addressesOf.get(endpoint);
    if (list === undefined) return;
    const left = list.filter((one) => one.port !== port || one.address !== address);
    if (left.length === 0) this.#addressesOf.delete(endpoint);
    else this.#addressesOf.set(endpoint, left);
  }
}
