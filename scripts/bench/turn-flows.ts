/**
 * Makes allocations with one channel each for the load generator: the client's socket is closed afterwards and
 * the generator binds its port again, so that the server sees the same five-tuple.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { parseIp } from '../../daemon/kit/ip-address.ts';
import { ATTRIBUTE, METHOD } from '../../daemon/turn/codec/attribute-types.ts';
import { channelNumber, readXorAddress, requestedTransport } from '../../daemon/turn/codec/attributes.ts';
import { attributeOf, type StunMessage } from '../../daemon/turn/codec/stun-message.ts';
import { ClientSession, type ClientRequest } from '../../daemon/turn/core/client-session.ts';

type Endpoint = { address: string; port: number };
export type Flow = {
  client: Endpoint;
  server: Endpoint;
  peer: Endpoint;
  relayed: Endpoint;
  /** Stands before the payload on the client's way up. */
  upHeader: Buffer;
  payloadBytes: number;
};
export type FlowOptions = {
  server: Endpoint;
  client: Endpoint;
  peer: Endpoint;
  username: string;
  password: string;
  /** How the client sends: a server that knows no ChannelData from clients gets Send indications. */
  up: 'channel-data' | 'send-indication';
  payloadBytes: number;
};

const CHANNEL = 0x4000;
const ANSWER_LIMIT_MS = 20_000;
const RESEND_MS = 500;

/** @throws Error when the server refuses or stays silent. */
export async function openFlow(options: FlowOptions): Promise<Flow> {
  const { client, server, peer, username, password, payloadBytes } = options;
  const session = new ClientSession({ username, password, randomBytes });
  const socket = createSocket('udp4');
  // A server that is still starting answers with an ICMP error; the request is sent again.
  socket.on('error', () => undefined);
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(client.port, client.address, resolve);
  });
  try {
    const allocated = await ask(socket, server, session, () =>
      session.request(METHOD.ALLOCATE, [requestedTransport(17)]),
    );
    const value = allocated && attributeOf(allocated, ATTRIBUTE.XOR_RELAYED_ADDRESS);
    const relayed = value && readXorAddress(value, allocated.transactionId);
    const ip = parseIp(peer.address);
    if (relayed === undefined || ip === undefined) throw new Error('the server named no relayed address');
    const peerEndpoint = { address: ip, port: peer.port };
    await ask(socket, server, session, () => session.peerRequest(METHOD.CREATE_PERMISSION, peerEndpoint));
    await ask(
      socket,
      server,
      session,
      () => session.peerRequest(METHOD.CHANNEL_BIND, peerEndpoint, [channelNumber(CHANNEL)]),
      // node-turn does not sign this answer.
      options.up === 'send-indication',
    );
    const payload = Buffer.alloc(payloadBytes, 0x61);
    const indication = session.send(peerEndpoint, payload);
    const upHeader =
      options.up === 'send-indication'
        ? indication.subarray(0, indication.length - payloadBytes)
        : Buffer.from([CHANNEL >> 8, CHANNEL & 0xff, payloadBytes >> 8, payloadBytes & 0xff]);
    return {
      client,
      server,
      peer,
      relayed: { address: relayed.address.bytes.join('.'), port: relayed.port },
      upHeader,
      payloadBytes,
    };
  } finally {
    await new Promise<void>((resolve) => {
      socket.close(resolve);
    });
  }
}

async function ask(
  socket: Socket,
  server: Endpoint,
  session: ClientSession,
  build: () => ClientRequest,
  takesUnsigned = false,
): Promise<StunMessage | undefined> {
  for (const untilMs = performance.now() + ANSWER_LIMIT_MS; performance.now() < untilMs;) {
    const request = build();
    const got = await new Promise<ReturnType<ClientSession['read']>>((resolve) => {
      const finish = (answer: ReturnType<ClientSession['read']>): void => {
        clearTimeout(timer);
        socket.off('message', onMessage);
        resolve(answer);
      };
      const onMessage = (bytes: Buffer): void => {
        const answer = session.read(bytes, request);
        if (answer !== undefined) finish(answer);
      };
      const timer = setTimeout(finish, RESEND_MS, undefined);
      socket.on('message', onMessage);
      socket.send(request.bytes, server.port, server.address);
    });
    if (got?.type === 'success') return got.message;
    if (got?.type === 'forged' && takesUnsigned) return undefined;
    if (got?.type === 'error') throw new Error(`the server answered ${got.code}`);
  }
  throw new Error('the server did not answer');
}
