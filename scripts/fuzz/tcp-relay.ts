/** TCP relaying (RFC 6062) under fuzz: a public relay of its own, whose control, data and peer connections get nonsense. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { connect, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TurnServiceConfig } from '../../daemon/contract/turn-config.ts';
import { credential, endpoint, type TurnProcess } from '../../daemon/test/helpers/turn-client.ts';
import {
  DataLink,
  startTcpRelay,
  TcpAllocation,
  TcpPeer,
  type Door,
} from '../../daemon/test/helpers/turn-tcp-relay.ts';
import { ATTRIBUTE, METHOD } from '../../daemon/turn/codec/attribute-types.ts';
import { connectionId, lifetime } from '../../daemon/turn/codec/attributes.ts';
import { buildChannelData } from '../../daemon/turn/codec/channel-data.ts';
import { buildStun } from '../../daemon/turn/codec/stun-message.ts';
import { stream, type Path } from './paths.ts';

const METHODS = [
  METHOD.ALLOCATE,
  METHOD.REFRESH,
  METHOD.CREATE_PERMISSION,
  METHOD.CONNECT,
  METHOD.CONNECTION_BIND,
  METHOD.CONNECTION_ATTEMPT,
];
const ATTRIBUTES = [
  ATTRIBUTE.XOR_PEER_ADDRESS,
  ATTRIBUTE.CONNECTION_ID,
  ATTRIBUTE.LIFETIME,
  ATTRIBUTE.REQUESTED_TRANSPORT,
];
const GARBLED = 16;
const INPUTS_PER_CONNECTION = 8;
/** Peers that nobody answers stay connected: they are not waited for. */
const PEER_CLOSE_MS = 100;
const RELAY_LIMIT_MS = 20_000;

type Scope = Parameters<typeof startTcpRelay>[0];
type Where = {
  address: string;
  relay: string;
  peer: string;
  minPort: number;
  limits: TurnServiceConfig['limits'];
};

export type TcpRelayFuzz = {
  turn: TurnProcess;
  paths: Path[];
  /** Rejects when the honest connections do not relay both ways. */
  relays: () => Promise<void>;
  /** Ends what the paths left open. */
  release: () => void;
};

export async function openTcpRelay(scope: Scope, where: Where): Promise<TcpRelayFuzz> {
  const { address, relay, minPort, limits } = where;
  const turn = await startTcpRelay(scope, {
    ...{ addresses: [address], relays: [relay], peers: [where.peer], minPort },
    config: { limits },
  });
  const sink = await openSink(scope, where.peer);
  const doors = (['tcp', 'tls'] as const).map((transport) => turn.door(transport));
  const honest = await Promise.all(doors.map((door) => honestLink(scope, door, where.peer)));
  const targets = doors.map((door) => new Target(scope, door, sink));
  return {
    turn,
    paths: targets.flatMap((target) => target.paths()),
    relays: async () => {
      for (const relays of honest) await relays();
    },
    release: () => {
      for (const target of targets) target.release();
    },
  };
}

/** What the paths of one listener aim at: an allocation, a fresh one for each batch. */
class Target {
  readonly #scope: Scope;
  readonly #door: Door;
  readonly #sink: { address: string; port: number };
  readonly #user = credential({ subject: 'target' });
  #allocation: TcpAllocation | undefined;
  #id = 0;

  constructor(scope: Scope, door: Door, sink: { address: string; port: number }) {
    this.#scope = scope;
    this.#door = door;
    this.#sink = sink;
  }

  paths(): Path[] {
    const { transport } = this.#door;
    const garbled = (random: () => number): Buffer[] => this.#garbled(random);
    return [
      {
        name: `relay-${transport}-control`,
        valid: async () => this.#messages(await this.#fresh()),
        garbled,
        send: (inputs) => {
          for (const bytes of inputs) this.#allocation?.client.raw(bytes);
          return Promise.resolve();
        },
      },
      {
        name: `relay-${transport}-data`,
        valid: async () => this.#messages(await this.#fresh()),
        garbled,
        send: (inputs) => this.#data(inputs),
      },
      {
        name: `relay-${transport}-peer`,
        valid: async () => this.#messages(await this.#fresh()),
        send: async (inputs) => {
          const to = this.#allocation?.relayed;
          if (to === undefined) return;
          const from = { host: to.address, port: to.port, localAddress: this.#sink.address };
          await inParts(inputs, (part) => stream(connect(from), part, PEER_CLOSE_MS));
        },
      },
    ];
  }

  release(): void {
    this.#allocation?.client.close();
    this.#allocation = undefined;
  }

  async #fresh(): Promise<TcpAllocation> {
    this.release();
    const allocation = await TcpAllocation.make(this.#scope, this.#door, this.#user);
    await allocation.client.permit(this.#sink);
    const answer = await allocation.connect(this.#sink);
    // 447 when the kernel still remembers this port and this peer.
    this.#id = 'id' in answer ? answer.id : 0;
    this.#allocation = allocation;
    return allocation;
  }

  #messages({ client }: TcpAllocation): Buffer[] {
    const { session } = client;
    const attempt = { method: METHOD.CONNECTION_ATTEMPT, transactionId: randomBytes(12) };
    return [
      session.peerRequest(METHOD.CONNECT, endpoint(this.#sink)).bytes,
      session.peerRequest(METHOD.CONNECT, endpoint({ ...this.#sink, port: 9 })).bytes,
      session.request(METHOD.CONNECTION_BIND, [connectionId(this.#id)]).bytes,
      session.request(METHOD.REFRESH, [lifetime(600)]).bytes,
      session.peerRequest(METHOD.CREATE_PERMISSION, endpoint(this.#sink)).bytes,
      session.send(endpoint(this.#sink), randomBytes(40)),
      buildStun({ ...attempt, class: 'indication' }, [connectionId(this.#id)]),
      buildStun({ ...attempt, class: 'request' }, [connectionId(this.#id)]),
      buildStun({ ...attempt, class: 'success' }, [connectionId(this.#id)]),
      buildChannelData(0x4001, randomBytes(40), { padded: true }),
    ];
  }

  /** Requests of this client whose attributes are nonsense: the signature lets them in. */
  #garbled(random: () => number): Buffer[] {
    const { session } = this.#allocation!.client;
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)]!;
    const value = (): Buffer =>
      Buffer.from(Array.from({ length: Math.floor(random() * 24) }, () => Math.floor(random() * 256)));
    return Array.from({ length: GARBLED }, () => {
      const count = Math.floor(random() * 4);
      const attributes = Array.from({ length: count }, () => ({ type: pick(ATTRIBUTES), value: value() }));
      return session.request(pick(METHODS), attributes).bytes;
    });
  }

  /** As data connections: one that is bound first, and others that begin with nonsense. */
  async #data(inputs: readonly Buffer[]): Promise<void> {
    if (this.#id !== 0) {
      const tail = Buffer.concat(inputs).toString('latin1');
      const { link } = await DataLink.ask(this.#scope, this.#door, { ...this.#user, id: this.#id, tail });
      link?.socket.destroy();
    }
    await inParts(inputs, (part) => stream(openDoor(this.#door), part));
  }
}

/** @returns what relays through a bound connection, and asks that it comes out. */
async function honestLink(scope: Scope, door: Door, address: string): Promise<() => Promise<void>> {
  const peer = await TcpPeer.open(scope, address);
  const allocation = await TcpAllocation.make(scope, door, credential({ subject: 'honest' }));
  const link = await allocation.through(scope, peer);
  const there = await peer.accepted();
  return () =>
    withinLimit(async () => {
      const text = randomBytes(8).toString('hex');
      link.socket.write(text);
      assert.equal(await there.read(text.length), text);
      there.socket.write(text);
      assert.equal(await link.read(text.length), text);
    });
}

/** A peer that reads everything and says nothing. */
async function openSink(scope: Scope, address: string): Promise<{ address: string; port: number }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.resume());
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  scope.teardown(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { address, port: (server.address() as { port: number }).port };
}

function openDoor({ transport, address, port }: Door): Socket {
  return transport === 'tcp'
    ? connect(port, address)
    : connectTls({ host: address, port, rejectUnauthorized: false });
}

async function inParts(
  inputs: readonly Buffer[],
  send: (part: readonly Buffer[]) => Promise<void>,
): Promise<void> {
  const parts: Promise<void>[] = [];
  for (let at = 0; at < inputs.length; at += INPUTS_PER_CONNECTION) {
    parts.push(send(inputs.slice(at, at + INPUTS_PER_CONNECTION)));
  }
  await Promise.all(parts);
}

async function withinLimit(work: () => Promise<void>): Promise<void> {
  const late = { timer: undefined as NodeJS.Timeout | undefined };
  const limit = new Promise<never>((_, reject) => {
    late.timer = setTimeout(reject, RELAY_LIMIT_MS, new Error('an honest TCP connection does not relay'));
  });
  try {
    await Promise.race([work(), limit]);
  } finally {
    clearTimeout(late.timer);
  }
}
