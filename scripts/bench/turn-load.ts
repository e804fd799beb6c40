/**
 * Load generator of the TURN benchmark: `node scripts/bench/turn-load.ts '<json>'`. Sets up allocations with
 * one channel each, prints `{"ready":true}`, then runs one round for each line `up|down|both <milliseconds>`
 * on stdin and prints its result. A bounded number of packets is under way at any time, so that a server is
 * busy but never made to drop.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { openTurnLink, type TurnLink } from '../../daemon/health/relay-probe-link.ts';
import { parseIp } from '../../daemon/kit/ip-address.ts';
import { ATTRIBUTE, METHOD } from '../../daemon/turn/codec/attribute-types.ts';
import { channelNumber, readXorAddress, requestedTransport } from '../../daemon/turn/codec/attributes.ts';
import { buildChannelData, isChannelData } from '../../daemon/turn/codec/channel-data.ts';
import { attributeOf, type StunMessage } from '../../daemon/turn/codec/stun-message.ts';
import { ClientSession, type ClientRequest } from '../../daemon/turn/core/client-session.ts';

export type LoadOptions = {
  server: { address: string; port: number };
  username: string;
  password: string;
  /** Where the peers bind; one for each allocation, from `peerPort` on. */
  peerAddress: string;
  peerPort: number;
  allocations: number;
  payloadBytes: number;
};
export type LoadResult = { sent: number; received: number; elapsedMs: number };
export type Direction = 'up' | 'down' | 'both';

/** Packets under way for each allocation and direction: far below any socket buffer. */
const WINDOW = 24;
const CHANNEL = 0x4000;
/** What was sent last is on its way for far less. */
const SETTLE_MS = 300;
const ANSWER_LIMIT_MS = 20_000;
const RESEND_MS = 500;

type Flow = { sent: number; received: number; send: () => void };

const options = JSON.parse(process.argv[2] ?? '{}') as LoadOptions;
const ups: Flow[] = [];
const downs: Flow[] = [];
let running = false;

for (let at = 0; at < options.allocations; at += 1) await addAllocation(options.peerPort + at);
console.log('{"ready":true}');
for await (const line of createInterface({ input: process.stdin })) {
  const [direction, milliseconds] = line.split(' ') as [Direction, string];
  console.log(JSON.stringify(await round(direction, Number(milliseconds))));
}
process.exit(0);

async function round(direction: Direction, milliseconds: number): Promise<LoadResult> {
  const flows = [...(direction === 'down' ? [] : ups), ...(direction === 'up' ? [] : downs)];
  for (const flow of flows) flow.sent = flow.received = 0;
  running = true;
  const startedMs = performance.now();
  for (const flow of flows) for (let count = 0; count < WINDOW; count += 1) flow.send();
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  running = false;
  const elapsedMs = performance.now() - startedMs;
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const sum = (pick: (flow: Flow) => number): number => flows.reduce((total, flow) => total + pick(flow), 0);
  return { sent: sum((flow) => flow.sent), received: sum((flow) => flow.received), elapsedMs };
}

/** Every packet that arrives lets the next one go. */
function arrived(flow: Flow): void {
  flow.received += 1;
  if (running) flow.send();
}

async function addAllocation(peerPort: number): Promise<void> {
  const { server, username, password, peerAddress, payloadBytes } = options;
  const session = new ClientSession({ username, password, randomBytes });
  let answer: (frame: Buffer) => void = () => undefined;
  const down: Flow = { sent: 0, received: 0, send: () => undefined };
  const link = await openTurnLink({
    transport: 'udp',
    ...server,
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
    onFrame: (frame) => {
      if (isChannelData(frame[0] ?? 0)) arrived(down);
      else answer(frame);
    },
    // A refused send while the server starts; the request is sent again below.
    onClosed: (error) => {
      throw error;
    },
  });
  const ask = async (build: () => ClientRequest): Promise<StunMessage> => {
    for (const untilMs = performance.now() + ANSWER_LIMIT_MS; performance.now() < untilMs;) {
      const request = build();
      const got = await new Promise<ReturnType<ClientSession['read']>>((resolve) => {
        answer = (frame) => {
          const read = session.read(frame, request);
          if (read !== undefined) resolve(read);
        };
        link.send(request.bytes);
        setTimeout(resolve, RESEND_MS, undefined);
      });
      if (got?.type === 'success') return got.message;
      if (got?.type === 'error') throw new Error(`the server answered ${got.code}`);
    }
    throw new Error('the server did not answer');
  };
  const allocated = await ask(() => session.request(METHOD.ALLOCATE, [requestedTransport(17)]));
  const value = attributeOf(allocated, ATTRIBUTE.XOR_RELAYED_ADDRESS);
  const relayed = value === undefined ? undefined : readXorAddress(value, allocated.transactionId);
  const peerIp = parseIp(peerAddress);
  if (relayed === undefined || peerIp === undefined) throw new Error('no relayed address');
  const peer = await openPeer(peerAddress, peerPort);
  await ask(() =>
    session.peerRequest(METHOD.CHANNEL_BIND, { address: peerIp, port: peerPort }, [channelNumber(CHANNEL)]),
  );
  connectFlows({
    link,
    peer,
    down,
    payloadBytes,
    relayed: { address: relayed.address.bytes.join('.'), port: relayed.port },
  });
}

function connectFlows(parts: {
  link: TurnLink;
  peer: Socket;
  down: Flow;
  payloadBytes: number;
  relayed: { address: string; port: number };
}): void {
  const { link, peer, down, relayed } = parts;
  const payload = Buffer.alloc(parts.payloadBytes, 0x61);
  const channelData = buildChannelData(CHANNEL, payload, { padded: false });
  const up: Flow = {
    sent: 0,
    received: 0,
    send: () => {
      up.sent += 1;
      link.send(channelData);
    },
  };
  down.send = () => {
    down.sent += 1;
    peer.send(payload, relayed.port, relayed.address);
  };
  peer.on('message', () => {
    arrived(up);
  });
  ups.push(up);
  downs.push(down);
}

async function openPeer(address: string, port: number): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    lookup: (hostname, _options, callback) => {
      callback(null, hostname, 4);
    },
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, resolve);
  });
  return socket;
}
