/**
 * What RFC 8489 and RFC 8656 ask of a TURN server, as rows that any server can be asked: ours must give every
 * answer, and a server with known faults shows that the rows can fail. A check throws a sentence.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { ATTRIBUTE, METHOD, TRANSPORT_UDP } from '../../turn/codec/attribute-types.ts';
import {
  addressFamily,
  channelNumber,
  lifetime,
  readErrorCode,
  readLifetime,
  readXorAddress,
  requestedTransport,
  text,
  xorAddress,
} from '../../turn/codec/attributes.ts';
import { buildChannelData } from '../../turn/codec/channel-data.ts';
import { longTermKey, verifyIntegrity, type IntegrityHash } from '../../turn/codec/message-integrity.ts';
import { passwordAlgorithm, passwordAlgorithms } from '../../turn/codec/password-algorithms.ts';
import {
  attributeOf,
  attributesOf,
  buildStun,
  parseStun,
  type StunAttribute,
  type StunMessage,
} from '../../turn/codec/stun-message.ts';
import { readDataIndication } from '../../turn/core/client-session.ts';
import { endpoint, TestPeer, TurnClient } from './turn-client.ts';

type Test = Parameters<typeof TurnClient.open>[0];
type User = { username: string; password: string };

/** A server, with what it was configured to allow. */
export type Subject = {
  address: string;
  port: number;
  transport: 'udp' | 'tcp';
  /** A fresh user. */
  user: () => User;
  /** Address of peers, every port allowed; the relay is IPv4 only unless `dual`. */
  peerAddress: string;
  /** Another address that may be a peer, but gets no permission. */
  strangerAddress: string;
  /** Allocations one user may hold, and permissions of one allocation. */
  allocationsPerUser: number;
  permissionsPerAllocation: number;
  /** An answer later than this counts as silence. */
  waitMs: number;
};

export type Behaviour = {
  name: string;
  rfc: string;
  /** Error codes the row proves. */
  codes?: readonly number[];
  check: (client: Asker, subject: Subject) => Promise<void>;
};

const udp = requestedTransport(TRANSPORT_UDP);
const EVEN = { type: ATTRIBUTE.EVEN_PORT, value: Buffer.from([0x00]) };
const EVEN_PAIR = { type: ATTRIBUTE.EVEN_PORT, value: Buffer.from([0x80]) };
const FAMILY_6 = addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6);
const ALSO_6 = addressFamily(ATTRIBUTE.ADDITIONAL_ADDRESS_FAMILY, 6);

type Signing = {
  hash?: IntegrityHash;
  algorithm?: 'md5' | 'sha256';
  nonce?: string;
  user?: User;
  without?: number;
};

/** One client: signs by hand, so that it can also sign wrongly. */
export class Asker {
  readonly #client: TurnClient;
  readonly #test: Test;
  readonly #subject: Subject;
  readonly user: User;
  #realm: string | undefined;
  #nonce = '';

  private constructor(test: Test, subject: Subject, client: TurnClient, user: User) {
    this.#test = test;
    this.#subject = subject;
    this.#client = client;
    this.user = user;
  }

  static async open(test: Test, subject: Subject, user = subject.user()): Promise<Asker> {
    return new Asker(test, subject, await TurnClient.open(test, { ...subject, ...user }), user);
  }

  /** Another client of the same server. */
  another(user?: User): Promise<Asker> {
    return Asker.open(this.#test, this.#subject, user);
  }

  peer(address = this.#subject.peerAddress): Promise<TestPeer> {
    return TestPeer.open(this.#test, address);
  }

  /** Owns what a row opens beside its clients. */
  get test(): Test {
    return this.#test;
  }

  /** As the challenge named it. */
  get realm(): string {
    return this.#realm ?? '';
  }

  raw(bytes: Buffer): void {
    this.#client.raw(bytes);
  }

  next<Value>(accept: (frame: Buffer) => Value | undefined): Promise<Value> {
    return this.#client.next(accept, this.#subject.waitMs);
  }

  /** Sends bytes as they are. @returns the answer's bytes. */
  async answerTo(bytes: Buffer): Promise<Buffer> {
    this.raw(bytes);
    return this.next((frame) =>
      parseStun(frame)?.transactionId.equals(bytes.subarray(8, 20)) === true ? frame : undefined,
    );
  }

  /** A signed request as bytes; the challenge is fetched when it is not known yet. */
  async build(
    method: number,
    attributes: (id: Buffer) => StunAttribute[],
    how: Signing = {},
  ): Promise<Buffer> {
    if (this.#realm === undefined) {
      const first = await this.#answer(buildStun(header(METHOD.ALLOCATE), [udp]));
      assert.equal(codeOf(first), 401, 'the first Allocate is challenged');
      this.#realm = attributeOf(first, ATTRIBUTE.REALM)?.toString();
      this.#nonce = attributeOf(first, ATTRIBUTE.NONCE)?.toString() ?? '';
    }
    const { username, password } = how.user ?? this.user;
    const about = header(method);
    const signed = [
      ...attributes(about.transactionId),
      text(ATTRIBUTE.USERNAME, username),
      text(ATTRIBUTE.REALM, this.#realm ?? ''),
      text(ATTRIBUTE.NONCE, how.nonce ?? this.#nonce),
    ].filter(({ type }) => type !== how.without);
    const key = longTermKey(username, this.#realm ?? '', password, how.algorithm ?? 'md5');
    return buildStun(about, signed, { key, hash: how.hash, fingerprint: true });
  }

  async ask(method: number, attributes: StunAttribute[] = [], how: Signing = {}): Promise<StunMessage> {
    return this.#answer(await this.build(method, () => attributes, how));
  }

  /** A request that names peers. */
  async about(
    method: number,
    peers: readonly { address: string; port: number }[],
    attributes: StunAttribute[] = [],
  ): Promise<StunMessage> {
    return this.#answer(await this.peerRequest(method, peers, attributes));
  }

  peerRequest(
    method: number,
    peers: readonly { address: string; port: number }[],
    attributes: StunAttribute[] = [],
  ): Promise<Buffer> {
    return this.build(method, (id) => [
      ...peers.map((peer) => xorAddress(ATTRIBUTE.XOR_PEER_ADDRESS, endpoint(peer), id)),
      ...attributes,
    ]);
  }

  allocate(attributes: StunAttribute[] = [], how: Signing = {}): Promise<StunMessage> {
    return this.ask(METHOD.ALLOCATE, [udp, ...attributes], how);
  }

  /** Allocates and permits, for rows about data. @returns the relayed address. */
  async relay(peer: { address: string; port: number }): Promise<{ address: string; port: number }> {
    const answer = await this.allocate();
    assert.equal(answer.class, 'success', 'Allocate');
    const permitted = await this.about(METHOD.CREATE_PERMISSION, [peer]);
    assert.equal(permitted.class, 'success', 'CreatePermission');
    return relayedOf(answer)[0]!;
  }

  /** The same bytes twice get the same bytes back. */
  async twice(bytes: Buffer): Promise<StunMessage> {
    const first = await this.answerTo(bytes);
    assert.deepEqual(await this.answerTo(bytes), first, 'the retransmission gets the same answer');
    return parseStun(first)!;
  }

  async #answer(bytes: Buffer): Promise<StunMessage> {
    return parseStun(await this.answerTo(bytes))!;
  }
}

function header(method: number): { class: 'request'; method: number; transactionId: Buffer } {
  return { class: 'request', method, transactionId: randomBytes(12) };
}

/** The number in an error answer, or `success`. */
function codeOf(message: StunMessage): number | string | undefined {
  if (message.class !== 'error') return message.class;
  return readErrorCode(attributeOf(message, ATTRIBUTE.ERROR_CODE) ?? Buffer.alloc(0));
}

export function relayedOf(message: StunMessage): { address: string; port: number }[] {
  return attributesOf(message, ATTRIBUTE.XOR_RELAYED_ADDRESS).map((value) => {
    const { address, port } = readXorAddress(value, message.transactionId)!;
    return { address: address.bytes.join('.'), port };
  });
}

function lifetimeOf(message: StunMessage): number | undefined {
  return readLifetime(attributeOf(message, ATTRIBUTE.LIFETIME) ?? Buffer.alloc(0));
}

export const gives = (message: StunMessage, code: number | 'success', what = ''): void => {
  assert.equal(codeOf(message), code, what);
};

export const BEHAVIOURS: readonly Behaviour[] = [
  {
    name: 'Binding names the source address and needs no credential',
    rfc: 'RFC 8489 12',
    check: async (client) => {
      const answer = parseStun(await client.answerTo(buildStun(header(METHOD.BINDING), [])))!;
      gives(answer, 'success');
      assert.ok(attributeOf(answer, ATTRIBUTE.XOR_MAPPED_ADDRESS), 'XOR-MAPPED-ADDRESS');
    },
  },
  {
    name: '420 lists the required attributes it does not know',
    rfc: 'RFC 8489 6.3.1',
    codes: [420],
    check: async (client) => {
      const foreign = [0x7777, 0x7778].map((type) => ({ type, value: Buffer.alloc(4) }));
      for (const answer of [
        parseStun(await client.answerTo(buildStun(header(METHOD.BINDING), foreign)))!,
        await client.allocate(foreign),
      ]) {
        gives(answer, 420);
        assert.equal(attributeOf(answer, ATTRIBUTE.UNKNOWN_ATTRIBUTES)?.toString('hex'), '77777778');
      }
      gives(await client.allocate(), 'success');
      for (const method of [METHOD.REFRESH, METHOD.CREATE_PERMISSION, METHOD.CHANNEL_BIND]) {
        gives(await client.ask(method, foreign), 420, `method ${method}`);
      }
    },
  },
  {
    name: 'attributes it need not know are ignored',
    rfc: 'RFC 8489 14',
    check: async (client) => {
      gives(await client.allocate([{ type: 0xc057, value: Buffer.from([1, 2, 3, 4]) }]), 'success');
    },
  },
  {
    name: '401 names realm and nonce and is unsigned',
    rfc: 'RFC 8489 9.2.4',
    codes: [401],
    check: async (client) => {
      const answer = parseStun(await client.answerTo(buildStun(header(METHOD.ALLOCATE), [udp])))!;
      gives(answer, 401);
      assert.ok(attributeOf(answer, ATTRIBUTE.REALM), 'REALM');
      assert.ok(attributeOf(answer, ATTRIBUTE.NONCE), 'NONCE');
      assert.equal(answer.integrityAt, undefined, 'no MESSAGE-INTEGRITY');
    },
  },
  {
    name: '401 for a wrong password and for names every object has',
    rfc: 'RFC 8489 9.2.4',
    codes: [401],
    check: async (client) => {
      const { username } = client.user;
      gives(await client.allocate([], { user: { username, password: 'guessed' } }), 401, 'wrong password');
      for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty'] as const) {
        const password = String(Reflect.get(Object.prototype, name));
        gives(await client.allocate([], { user: { username: name, password } }), 401, name);
      }
    },
  },
  {
    name: '400 when USERNAME, REALM or NONCE is missing beside MESSAGE-INTEGRITY',
    rfc: 'RFC 8489 9.2.4',
    codes: [400],
    check: async (client) => {
      for (const without of [ATTRIBUTE.USERNAME, ATTRIBUTE.REALM, ATTRIBUTE.NONCE]) {
        gives(await client.allocate([], { without }), 400, `without ${without}`);
      }
    },
  },
  {
    name: '438 for a nonce it did not issue to this client, with a fresh one',
    rfc: 'RFC 8489 9.2.4',
    codes: [438],
    check: async (client) => {
      const answer = await client.allocate([], { nonce: 'obMatJos2gAAAsomethingelse' });
      gives(answer, 438);
      assert.ok(attributeOf(answer, ATTRIBUTE.NONCE), 'NONCE');
    },
  },
  {
    name: 'SHA-256 where it was negotiated, 400 where somebody talked it down',
    rfc: 'RFC 8489 9.2.4',
    codes: [400],
    check: async (client) => {
      const offer = passwordAlgorithms();
      const sha256 = passwordAlgorithm('sha256');
      const strong = { hash: 'sha256', algorithm: 'sha256' } as const;
      gives(await client.allocate([offer, sha256], { algorithm: 'sha256' }), 400, 'signed with SHA-1');
      gives(await client.allocate([sha256], strong), 400, 'without the list');
      const cut = { ...offer, value: passwordAlgorithm('md5').value };
      gives(await client.allocate([cut, passwordAlgorithm('md5')], { hash: 'sha256' }), 400, 'a cut list');
      const bytes = await client.build(METHOD.ALLOCATE, () => [udp, offer, sha256], strong);
      const answer = await client.twice(bytes);
      gives(answer, 'success');
      assert.ok(answer.integritySha256At !== undefined, 'the answer is signed with SHA-256');
    },
  },
  {
    name: 'Allocate without a usable REQUESTED-TRANSPORT',
    rfc: 'RFC 8656 7.2',
    codes: [400, 442],
    check: async (client) => {
      gives(await client.ask(METHOD.ALLOCATE), 400);
      gives(await client.ask(METHOD.ALLOCATE, [requestedTransport(132)]), 442, 'SCTP');
    },
  },
  {
    name: 'families: 440 for one it has no relay for, 400 for contradictions',
    rfc: 'RFC 8656 7.2',
    codes: [400, 440],
    check: async (client) => {
      const seven = { type: ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, value: Buffer.from([7, 0, 0, 0]) };
      const token = { type: ATTRIBUTE.RESERVATION_TOKEN, value: Buffer.alloc(8, 1) };
      gives(await client.allocate([seven]), 440, 'no family at all');
      gives(await client.allocate([FAMILY_6]), 440, 'no relay of it');
      gives(await client.allocate([FAMILY_6, ALSO_6]), 400, 'requested and additional');
      gives(await client.allocate([token, EVEN]), 400, 'token and EVEN-PORT');
      gives(await client.allocate([token, FAMILY_6]), 400, 'token and family');
      gives(await client.allocate([token, ALSO_6]), 400, 'token and additional family');
      gives(await client.allocate([EVEN_PAIR, ALSO_6]), 400, 'a pair and an additional family');
    },
  },
  {
    name: 'a dual allocation names why the second family is missing',
    rfc: 'RFC 8656 7.2 and 18.12',
    check: async (client) => {
      const answer = await client.allocate([ALSO_6]);
      gives(answer, 'success');
      assert.equal(relayedOf(answer).length, 1);
      const why = attributeOf(answer, ATTRIBUTE.ADDRESS_ERROR_CODE);
      assert.equal(why?.subarray(0, 4).toString('hex'), '02000428', 'IPv6, 440');
    },
  },
  {
    name: 'EVEN-PORT and RESERVATION-TOKEN give the pair',
    rfc: 'RFC 8656 7.2',
    codes: [508],
    check: async (client) => {
      const even = await client.allocate([EVEN_PAIR]);
      gives(even, 'success');
      const port = relayedOf(even)[0]!.port;
      assert.equal(port % 2, 0, 'even');
      const value = attributeOf(even, ATTRIBUTE.RESERVATION_TOKEN);
      assert.equal(value?.length, 8, 'RESERVATION-TOKEN');
      const token = { type: ATTRIBUTE.RESERVATION_TOKEN, value };
      const stranger = await client.another();
      gives(await stranger.allocate([token]), 508, 'not for another user');
      const second = await client.another(client.user);
      const odd = await second.allocate([token]);
      gives(odd, 'success');
      assert.equal(relayedOf(odd)[0]!.port, port + 1);
      const late = await client.another(client.user);
      gives(await late.allocate([token]), 508, 'only once');
    },
  },
  {
    name: 'LIFETIME is at least ten minutes and at most an hour',
    rfc: 'RFC 8656 7.2 and 8.2',
    codes: [400],
    check: async (client) => {
      const answer = await client.allocate([lifetime(1800)]);
      assert.equal(lifetimeOf(answer), 1800);
      for (const [asked, granted] of [
        [1, 600],
        [700, 700],
        [0xffffffff, 3600],
      ] as const) {
        assert.equal(lifetimeOf(await client.ask(METHOD.REFRESH, [lifetime(asked)])), granted);
      }
      const odd = { type: ATTRIBUTE.LIFETIME, value: Buffer.alloc(3) };
      gives(await client.ask(METHOD.REFRESH, [odd]), 400);
    },
  },
  {
    name: 'DONT-FRAGMENT is taken by a server that can send so',
    rfc: 'RFC 8656 7.2',
    check: async (client) => {
      gives(await client.allocate([{ type: ATTRIBUTE.DONT_FRAGMENT, value: Buffer.alloc(0) }]), 'success');
    },
  },
  {
    name: 'a retransmitted Allocate gets the same answer, another one 437',
    rfc: 'RFC 8656 5 and 7.2',
    codes: [437],
    check: async (client) => {
      const answer = await client.twice(await client.build(METHOD.ALLOCATE, () => [udp, lifetime(900)]));
      gives(answer, 'success');
      gives(await client.allocate(), 437);
    },
  },
  {
    name: 'a retransmitted refusal is the same refusal',
    rfc: 'RFC 8489 6.3',
    check: async (client) => {
      gives(await client.twice(await client.build(METHOD.ALLOCATE, () => [])), 400);
      gives(await client.twice(await client.build(METHOD.REFRESH, () => [])), 437);
    },
  },
  {
    name: '437 for everything that needs an allocation',
    rfc: 'RFC 8656 5',
    codes: [437],
    check: async (client, { peerAddress }) => {
      const peer = { address: peerAddress, port: 20_000 };
      gives(await client.ask(METHOD.REFRESH), 437);
      gives(await client.about(METHOD.CREATE_PERMISSION, [peer]), 437);
      gives(await client.about(METHOD.CHANNEL_BIND, [peer], [channelNumber(0x4000)]), 437);
    },
  },
  {
    name: '441 for another user on the allocation',
    rfc: 'RFC 8656 5',
    codes: [441],
    check: async (client, subject) => {
      gives(await client.allocate(), 'success');
      gives(await client.ask(METHOD.REFRESH, [], { user: subject.user() }), 441);
      gives(await client.ask(METHOD.REFRESH), 'success', 'its own user goes on');
    },
  },
  {
    name: '486 when a user holds all he may',
    rfc: 'RFC 8656 7.2',
    codes: [486],
    check: async (client, { allocationsPerUser }) => {
      gives(await client.allocate(), 'success');
      for (let held = 1; held < allocationsPerUser; held += 1) {
        gives(await (await client.another(client.user)).allocate(), 'success');
      }
      const greedy = await client.another(client.user);
      gives(await greedy.allocate(), 486);
      gives(await client.ask(METHOD.REFRESH, [lifetime(0)]), 'success');
      gives(await greedy.allocate(), 'success', 'after one was given back');
    },
  },
  {
    name: 'Refresh keeps the allocation and its retransmission gets the same answer',
    rfc: 'RFC 8656 8.2',
    codes: [443],
    check: async (client, { peerAddress }) => {
      gives(await client.allocate(), 'success');
      const answer = await client.twice(await client.build(METHOD.REFRESH, () => [lifetime(600)]));
      gives(answer, 'success');
      assert.equal(lifetimeOf(answer), 600);
      gives(await client.ask(METHOD.REFRESH, [FAMILY_6]), 443, 'a family it has not');
      gives(await client.about(METHOD.CREATE_PERMISSION, [{ address: peerAddress, port: 9 }]), 'success');
    },
  },
  {
    name: 'Refresh(0) ends the allocation; its retransmission over UDP gets the same answer',
    rfc: 'RFC 8656 8.2 and RFC 8489 6.3',
    codes: [437],
    check: async (client, { transport }) => {
      gives(await client.allocate(), 'success');
      const request = await client.build(METHOD.REFRESH, () => [lifetime(0)]);
      // A stream loses nothing, so nobody sends again there.
      const answer =
        transport === 'udp' ? await client.twice(request) : parseStun(await client.answerTo(request))!;
      gives(answer, 'success');
      assert.equal(lifetimeOf(answer), 0);
      gives(await client.ask(METHOD.REFRESH), 437, 'another Refresh finds nothing');
      gives(await client.allocate(), 'success', 'the five-tuple is free again');
    },
  },
  {
    name: 'CreatePermission takes all its peers or none',
    rfc: 'RFC 8656 10.2',
    codes: [400, 403, 443, 508],
    check: async (client, { peerAddress, permissionsPerAllocation }) => {
      gives(await client.allocate(), 'success');
      const good = { address: peerAddress, port: 9 };
      const answer = await client.twice(await client.peerRequest(METHOD.CREATE_PERMISSION, [good]));
      gives(answer, 'success');
      gives(await client.ask(METHOD.CREATE_PERMISSION), 400, 'no peer');
      const address = { type: ATTRIBUTE.XOR_PEER_ADDRESS, value: Buffer.alloc(5) };
      gives(await client.ask(METHOD.CREATE_PERMISSION, [address]), 400, 'half a peer');
      for (const bad of ['169.254.169.254', '0.0.0.0', '10.0.0.1']) {
        gives(await client.about(METHOD.CREATE_PERMISSION, [good, { address: bad, port: 9 }]), 403, bad);
      }
      gives(await client.about(METHOD.CREATE_PERMISSION, [{ address: '2001:db8::9', port: 9 }]), 443);
      const many = Array.from({ length: permissionsPerAllocation + 1 }, (_, at) => ({
        address: peerAddress.replace(/\d+$/, String(100 + at)),
        port: 9,
      }));
      gives(await client.about(METHOD.CREATE_PERMISSION, many), 508);
    },
  },
  {
    name: 'ChannelBind binds one number to one peer',
    rfc: 'RFC 8656 12.2',
    codes: [400, 403, 443],
    check: async (client, { peerAddress }) => {
      gives(await client.allocate(), 'success');
      const peer = { address: peerAddress, port: 20_000 };
      const bind = (number: number, to = peer): Promise<StunMessage> =>
        client.about(METHOD.CHANNEL_BIND, [to], [channelNumber(number)]);
      for (const number of [0x0000, 0x3fff, 0x5000, 0x7fff, 0xffff]) {
        gives(await bind(number), 400, `channel ${number}`);
      }
      const request = await client.peerRequest(METHOD.CHANNEL_BIND, [peer], [channelNumber(0x4fff)]);
      gives(await client.twice(request), 'success');
      gives(await bind(0x4fff, { ...peer, port: 20_001 }), 400, 'the number is bound');
      gives(await bind(0x4001), 400, 'the peer is bound');
      gives(await bind(0x4002, { address: '10.0.0.1', port: 9 }), 403);
      gives(await bind(0x4003, { address: '2001:db8::9', port: 9 }), 443);
      gives(await client.ask(METHOD.CHANNEL_BIND, [channelNumber(0x4004)]), 400, 'no peer');
      gives(await client.about(METHOD.CHANNEL_BIND, [peer]), 400, 'no number');
    },
  },
  {
    name: 'answers to authenticated requests are signed, refusals too',
    rfc: 'RFC 8489 9.2.4',
    check: async (client, { peerAddress }) => {
      gives(await client.allocate(), 'success');
      const peer = { address: peerAddress, port: 20_000 };
      for (const [method, attributes] of [
        [METHOD.CHANNEL_BIND, [channelNumber(0x4000)]],
        [METHOD.CHANNEL_BIND, [channelNumber(0x1000)]],
        [METHOD.CREATE_PERMISSION, []],
        [METHOD.REFRESH, []],
      ] as const) {
        const bytes = await client.answerTo(await client.peerRequest(method, [peer], [...attributes]));
        const { integrityAt } = parseStun(bytes)!;
        const key = longTermKey(client.user.username, client.realm, client.user.password);
        assert.ok(integrityAt !== undefined && verifyIntegrity(bytes, integrityAt, key), `method ${method}`);
      }
    },
  },
  {
    name: 'ChannelData reaches the peer, of every length',
    rfc: 'RFC 8656 12.5 and 12.6',
    check: async (client, subject) => {
      const peer = await client.peer();
      await client.relay(peer);
      gives(await client.about(METHOD.CHANNEL_BIND, [peer], [channelNumber(0x4000)]), 'success');
      for (const length of [1, 2, 3, 101, 1200]) {
        const payload = Buffer.alloc(length, length);
        client.raw(buildChannelData(0x4000, payload, { padded: subject.transport === 'tcp' }));
        assert.deepEqual((await peer.next(subject.waitMs)).bytes, payload, `${length} bytes`);
      }
    },
  },
  {
    name: 'what a peer sends comes through whatever it looks like',
    rfc: 'RFC 8656 11.3',
    check: async (client) => {
      const peer = await client.peer();
      const relayed = await client.relay(peer);
      for (const payload of ['40000000', '7fff', '4000000461626364', '0001000021', 'ff']) {
        peer.send(Buffer.from(payload, 'hex'), relayed);
        const got = await client.next((frame) => readDataIndication(frame)?.payload);
        assert.equal(got.toString('hex'), payload);
      }
    },
  },
  {
    name: 'peers without permission are not heard, and nothing is sent to them',
    rfc: 'RFC 8656 9 and 11.2',
    check: async (client, subject) => {
      const peer = await client.peer();
      const stranger = await client.peer(subject.strangerAddress);
      const answer = await client.allocate();
      const send = (to: TestPeer, what: string): void => {
        const transactionId = randomBytes(12);
        const about = { class: 'indication', method: METHOD.SEND, transactionId } as const;
        const peerAddress = xorAddress(ATTRIBUTE.XOR_PEER_ADDRESS, endpoint(to), transactionId);
        client.raw(buildStun(about, [peerAddress, text(ATTRIBUTE.DATA, what)]));
      };
      send(peer, 'too early');
      gives(await client.about(METHOD.CREATE_PERMISSION, [peer]), 'success');
      send(peer, 'in time');
      assert.equal((await peer.next(subject.waitMs)).bytes.toString(), 'in time');
      // One socket receives both, in this order.
      await sent(stranger, Buffer.from('from a stranger'), relayedOf(answer)[0]!);
      peer.send(Buffer.from('answer'), relayedOf(answer)[0]!);
      assert.equal((await client.next((frame) => readDataIndication(frame)?.payload)).toString(), 'answer');
    },
  },
  {
    name: 'empty datagrams and single bytes from a peer hurt nobody',
    rfc: 'RFC 8656 11.3',
    check: async (client) => {
      const peer = await client.peer();
      const relayed = await client.relay(peer);
      for (const length of [0, 1, 2, 3]) peer.send(Buffer.alloc(length), relayed);
      peer.send(Buffer.from('after them'), relayed);
      const last = await client.next((frame) => {
        const payload = readDataIndication(frame)?.payload.toString();
        return payload === 'after them' ? payload : undefined;
      });
      assert.equal(last, 'after them');
      gives(await client.ask(METHOD.REFRESH), 'success', 'the server still answers');
    },
  },
];

/** Runs one row with a client of its own. @returns the fault in words, or undefined. */
export async function faultOf(t: Test, row: Behaviour, subject: Subject): Promise<string | undefined> {
  try {
    await row.check(await Asker.open(t, subject), subject);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function sent(from: TestPeer, bytes: Buffer, to: { address: string; port: number }): Promise<void> {
  return new Promise((resolve) => {
    from.socket.send(bytes, to.port, to.address, () => {
      resolve();
    });
  });
}
