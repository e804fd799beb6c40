/** TCP relaying (RFC 6062) for tests: a control client, data connections, and peers that are TCP servers. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TurnServiceConfig } from '../../contract/turn-config.ts';
import { verifiedBy, type TlsTrust } from '../../health/relay-probe-link.ts';
import { formatIp } from '../../kit/ip-address.ts';
import { ATTRIBUTE, METHOD, TRANSPORT_TCP } from '../../turn/codec/attribute-types.ts';
import {
  addressFamily,
  connectionId,
  readConnectionId,
  readXorAddress,
  requestedTransport,
} from '../../turn/codec/attributes.ts';
import { StreamFramer } from '../../turn/codec/stream-framer.ts';
import {
  attributeOf,
  parseStun,
  type StunAttribute,
  type StunMessage,
} from '../../turn/codec/stun-message.ts';
import { ClientSession } from '../../turn/core/client-session.ts';
import { testCertificate } from './turn-certificate.ts';
import { credential, freePort, startTurn, TurnClient, type TurnProcess } from './turn-client.ts';

type Test = Parameters<typeof TurnClient.open>[0];
export type Address = { address: string; port: number };
/** A listener of the service, as a client reaches it. */
export type Door = Address & { transport: 'tcp' | 'tls'; tls?: TlsTrust };

export type TcpRelayService = TurnProcess & { door: (transport: 'tcp' | 'tls', address?: string) => Door };

/**
 * A public relay with TCP and TLS listeners at `addresses`, relayed addresses `relays`, and `peer` allowed on
 * all ports.
 */
export async function startTcpRelay(
  t: Test,
  options: {
    addresses: string[];
    relays: string[];
    minPort: number;
    peers: string[];
    config?: Partial<TurnServiceConfig>;
  },
): Promise<TcpRelayService> {
  const { addresses, minPort } = options;
  const certificate = await testCertificate(t);
  const trustPem = readFileSync(certificate.certFile, 'utf8');
  const tlsPort = await freePort(...addresses);
  const port = await freePort(...addresses);
  const turn = await startTurn(t, {
    address: addresses[0]!,
    config: {
      listeners: addresses.flatMap((address) => [
        { transport: 'udp' as const, address, port },
        { transport: 'tcp' as const, address, port },
        { transport: 'tls' as const, address, port: tlsPort },
      ]),
      certificate,
      relay: { addresses: options.relays, minPort, maxPort: minPort + 99 },
      peers: {
        scope: 'public',
        allow: options.peers.map((address) => ({ address, minPort: 1, maxPort: 65_535 })),
      },
      ...options.config,
    },
  });
  return {
    ...turn,
    port,
    door: (transport, address = addresses[0]!) =>
      transport === 'tcp'
        ? { transport, address, port }
        : { transport, address, port: tlsPort, tls: { trustPem, host: 'turn.test' } },
  };
}

/** The control connection of a TCP allocation. */
export class TcpAllocation {
  readonly client: TurnClient;
  readonly user: { username: string; password: string };
  readonly door: Door;
  relayed: Address = { address: '', port: 0 };

  private constructor(client: TurnClient, door: Door, user: { username: string; password: string }) {
    this.client = client;
    this.door = door;
    this.user = user;
  }

  /** A client without an allocation yet. */
  static async open(t: Test, door: Door, user = credential()): Promise<TcpAllocation> {
    return new TcpAllocation(await TurnClient.open(t, { ...door, ...user }), door, user);
  }

  /** Allocates; IPv6 where the server is reached by it. */
  static async make(t: Test, door: Door, user = credential()): Promise<TcpAllocation> {
    const made = await TcpAllocation.open(t, door, user);
    const code = await made.allocate();
    if (code !== 'success') throw new Error(`Allocate: ${code}`);
    return made;
  }

  async allocate(attributes: StunAttribute[] = []): Promise<number | string> {
    const six = addressFamily(ATTRIBUTE.REQUESTED_ADDRESS_FAMILY, 6);
    const { code, message } = await this.client.request(METHOD.ALLOCATE, [
      requestedTransport(TRANSPORT_TCP),
      ...(this.door.address.includes(':') ? [six] : []),
      ...attributes,
    ]);
    if (code === 'success') this.relayed = addressOf(message!, ATTRIBUTE.XOR_RELAYED_ADDRESS);
    return code;
  }

  /** @returns the connection's id, or the number of the error. */
  async connect(peer: Address): Promise<{ id: number } | { code: number | string }> {
    const { code, message } = await this.client.peerRequest(METHOD.CONNECT, peer);
    return code === 'success' ? { id: idOf(message!) } : { code };
  }

  /** Connects to the peer and binds a connection to it. */
  async through(t: Test, peer: Address, tail = ''): Promise<DataLink> {
    const answer = await this.connect(peer);
    if (!('id' in answer)) throw new Error(`Connect: ${answer.code}`);
    return DataLink.bound(t, this.door, { ...this.user, id: answer.id, tail });
  }

  /** The next ConnectionAttempt. */
  attempt(waitMs?: number): Promise<{ id: number; peer: Address }> {
    return this.client.next((frame) => {
      const message = parseStun(frame);
      if (message?.method !== METHOD.CONNECTION_ATTEMPT || message.class !== 'indication') return undefined;
      return { id: idOf(message), peer: addressOf(message, ATTRIBUTE.XOR_PEER_ADDRESS) };
    }, waitMs);
  }
}

/** A socket whose bytes can be awaited. */
export class ByteStream {
  readonly socket: Socket;
  #got = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(t: Test, socket: Socket, first = Buffer.alloc(0)) {
    this.socket = socket;
    this.#got = first;
    socket.on('data', (chunk: Buffer) => {
      this.#got = Buffer.concat([this.#got, chunk]);
      this.#wake?.();
    });
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.#ended = true;
        this.#wake?.();
      });
    }
    t.teardown(() => socket.destroy());
  }

  /** The next `count` bytes as text. */
  async read(count: number): Promise<string> {
    while (this.#got.length < count) {
      if (this.#ended) throw new Error(`ended after ${this.#got.length} of ${count} bytes`);
      await this.#change();
    }
    const bytes = this.#got.subarray(0, count);
    this.#got = this.#got.subarray(count);
    return bytes.toString('latin1');
  }

  /** Everything until the other side ends. */
  async rest(): Promise<string> {
    while (!this.#ended) await this.#change();
    return this.#got.toString('latin1');
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** A client data connection. */
export class DataLink extends ByteStream {
  /** Binds. Throws the number of the error. @param about.tail sent in one write with the signed request. */
  static async bound(
    t: Test,
    door: Door,
    about: { username: string; password: string; id: number; tail?: string },
  ): Promise<DataLink> {
    const { code, link } = await DataLink.ask(t, door, about);
    if (link === undefined) throw new Error(`ConnectionBind: ${code}`);
    return link;
  }

  static async ask(
    t: Test,
    door: Door,
    about: { username: string; password: string; id: number; tail?: string },
  ): Promise<{ code: number | 'success'; link: DataLink | undefined }> {
    const socket = await openSocket(t, door);
    const session = new ClientSession({ ...about, randomBytes });
    const framer = new StreamFramer({ maxFrameBytes: 2048 });
    for (;;) {
      const request = session.request(METHOD.CONNECTION_BIND, [connectionId(about.id)]);
      const { integrityAt } = parseStun(request.bytes)!;
      const tail = integrityAt === undefined ? '' : (about.tail ?? '');
      const answered = new Promise<Buffer>((resolve, reject) => {
        socket.once('close', () => {
          reject(new Error('the server closed the data connection'));
        });
        const onData = (chunk: Buffer): void => {
          framer.push(chunk, (frame) => {
            if (parseStun(frame)?.class === 'success') framer.stop();
            socket.off('data', onData);
            socket.pause();
            resolve(Buffer.from(frame));
          });
        };
        socket.on('data', onData);
        socket.resume();
      });
      socket.write(Buffer.concat([request.bytes, Buffer.from(tail, 'latin1')]));
      const answer = session.read(await answered, request);
      if (answer?.type === 'again') continue;
      if (answer?.type === 'error') return { code: answer.code, link: undefined };
      if (answer?.type !== 'success') throw new Error('the answer to ConnectionBind is not genuine');
      const link = new DataLink(t, socket, Buffer.from(framer.rest));
      socket.resume();
      return { code: 'success', link };
    }
  }
}

/** A TCP server that is a peer; connections are half-open until the test ends them. */
export class TcpPeer {
  readonly address: string;
  readonly #server: Server;
  readonly #test: Test;
  readonly #accepted: ByteStream[] = [];
  #wake: (() => void) | undefined;

  private constructor(test: Test, server: Server, address: string) {
    this.#test = test;
    this.#server = server;
    this.address = address;
  }

  /** @param options.greeting written to whoever connects; `paused` reads nothing until the test does. */
  static async open(
    t: Test,
    address: string,
    options: { greeting?: string; paused?: boolean } = {},
  ): Promise<TcpPeer> {
    const late: { peer?: TcpPeer } = {};
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      if (options.greeting !== undefined) socket.write(options.greeting);
      late.peer?.accept(socket, options.paused === true);
    });
    await new Promise<void>((resolve) => server.listen(0, address, resolve));
    t.teardown(() => server.close());
    late.peer = new TcpPeer(t, server, address);
    return late.peer;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  accept(socket: Socket, paused: boolean): void {
    const stream = new ByteStream(this.#test, socket);
    if (paused) socket.pause();
    this.#accepted.push(stream);
    this.#wake?.();
  }

  async accepted(): Promise<ByteStream> {
    for (;;) {
      const stream = this.#accepted.shift();
      if (stream !== undefined) return stream;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Listens no more. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  /** Connects to somebody from this peer's address. */
  async dial(to: Address): Promise<ByteStream> {
    const socket = connect({
      host: to.address,
      port: to.port,
      localAddress: this.address,
      allowHalfOpen: true,
    });
    await untilOpen(socket, 'connect');
    return new ByteStream(this.#test, socket);
  }
}

async function openSocket(t: Test, { transport, address, port, tls }: Door): Promise<Socket> {
  const target = { host: address, port, allowHalfOpen: true };
  const socket = transport === 'tcp' ? connect(target) : connectTls({ ...target, ...verifiedBy(tls) });
  t.teardown(() => socket.destroy());
  await untilOpen(socket, transport === 'tcp' ? 'connect' : 'secureConnect');
  return socket;
}

function untilOpen(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, resolve);
    socket.on('error', reject);
  });
}

function idOf(message: StunMessage): number {
  return readConnectionId(attributeOf(message, ATTRIBUTE.CONNECTION_ID)!)!;
}

function addressOf(message: StunMessage, type: number): Address {
  const { address, port } = readXorAddress(attributeOf(message, type)!, message.transactionId)!;
  return { address: formatIp(address), port };
}
