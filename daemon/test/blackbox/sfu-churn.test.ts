/**
 * Viewers that come by TURN, ICE, DTLS and SRTP and leave in every way that there is: the two services hold nothing of
 * those who have gone. `npm run test:churn` does it for thousands; here each way is gone twice.
 */
import { availableParallelism } from 'node:os';
import t, { type Test } from 'tap';
import { messageOf } from '../../kit/errors.ts';
import { ChurnViewer, WAYS, type Way } from '../helpers/churn-viewer.ts';
import { InspectedProcess, type Holdings } from '../helpers/inspected-process.ts';
import { SfuBehindTurn } from '../helpers/sfu-behind-turn.ts';
import { freeTcpPort } from '../helpers/sfu-process.ts';
import { answerOffer, relayOf, startCamera, weriftPeer } from '../helpers/sfu-werift-peer.ts';

/** Joins of the long form, or as many as there is time for; 0: the short one. */
const JOINS = Number(process.env['TURNKEEP_TEST_JOINS'] ?? 0);
const SECONDS = Number(process.env['TURNKEEP_TEST_JOIN_SECONDS'] ?? 7200);
const STRETCHES = 4;
const AT_ONCE = 3 * availableParallelism();
/** Idle sockets are closed after 60 s, sessions kept for 30 s more, relays live for 60 s here. */
const SETTLE_MS = JOINS > 0 ? 240_000 : 60_000;
const LOOK_EVERY_MS = 500;
/** More than what collections and warm caches leave to chance, less than any object of a viewer. */
const MAX_BYTES_PER_JOIN = 300;
const SHIELD = '127.0.77.1';
const RELAY = '127.0.77.2';
const CAMERA = '127.0.77.20';
const ROOM = 'camera:door';
/** Of which nothing may be left. */
const CLASSES = {
  sfu: {
    './sfu/signaling/session.ts': ['Session'],
    './sfu/media/subscribe-leg.ts': ['SubscribeLeg'],
    './sfu/media/peer-link.ts': ['PeerLink'],
    werift: ['RTCIceTransport', 'RTCDtlsTransport'],
  },
  turn: { './turn/core/allocation.ts': ['Allocation'] },
};

t.setTimeout(JOINS > 0 ? 7_200_000 : 170_000);

const inspectors = {
  turn: `${SHIELD}:${await freeTcpPort(SHIELD)}`,
  sfu: `${RELAY}:${await freeTcpPort(RELAY)}`,
};
const services = await SfuBehindTurn.start({
  shield: SHIELD,
  turn: RELAY,
  extraRelays: [relayOf(CAMERA)],
  relayPorts: { minPort: 42_000, maxPort: 49_999 },
  limits: { allocations: 4000, allocationsPerSubject: 4000 },
  session: { maxSeconds: 60 },
  nodeOptions: { turn: `--inspect=${inspectors.turn}`, sfu: `--inspect=${inspectors.sfu}` },
});
const { sfu } = services;
const turnInside = await InspectedProcess.open(services.pids.turn, inspectors.turn);
const sfuInside = await InspectedProcess.open(services.pids.sfu, inspectors.sfu);
t.teardown(async () => {
  await Promise.all([turnInside.close(), sfuInside.close()]);
  await services.stop();
});

const { sdp } = await sfu.control.call('ingest.open', { ingestId: 'door', roomId: ROOM, identity: 'door' });
const camera = weriftPeer(CAMERA);
const transceiver = camera.addTransceiver('video', { direction: 'sendonly' });
await sfu.control.call('ingest.answer', { ingestId: 'door', sdp: await answerOffer(camera, sdp) });
const sending = startCamera(transceiver.sender);
t.teardown(async () => {
  sending.stop();
  await camera.close();
});
await sfu.event('ingest', (data) => data['state'] === 'flowing');

/** Numbers by name, which may not grow. */
type Held = Record<string, number>;

async function look(): Promise<{ held: Held; turn: Holdings; sfu: Holdings }> {
  const [turn, sfuHolds] = [await turnInside.holdings(), await sfuInside.holdings()];
  const status = await sfu.control.call('status', {});
  const room = await sfu.control.call('rooms.get', { roomId: ROOM });
  const { allocations } = await services.turnStatus();
  const held = {
    ...{ sessions: status.sessions, subscriptions: status.subscriptions, allocations },
    participants: room.participants.length,
    ...named('SFU', { descriptors: sfuHolds.descriptors, ...sfuHolds.resources }),
    ...named('TURN', { descriptors: turn.descriptors, ...turn.resources }),
    ...named('SFU', await sfuInside.liveObjects(import.meta.resolve('../../sfu-service.ts'), CLASSES.sfu)),
    ...named(
      'TURN',
      await turnInside.liveObjects(import.meta.resolve('../../turn-service.ts'), CLASSES.turn),
    ),
  };
  return { held, turn, sfu: sfuHolds };
}

function named(service: string, counts: Record<string, number>): Held {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${service} ${name}`, count]));
}

/** What is more than before anybody came. */
function grown(held: Held): string[] {
  return Object.entries(held)
    .filter(([name, count]) => count > (empty[name] ?? 0))
    .map(([name, count]) => `${name}: ${count} instead of ${empty[name] ?? 0}`);
}

/** Who did not get what it must see, and why. */
const failures: string[] = [];
/** How often a library of a viewer gave up, and the viewer came again. */
let again = 0;

/** @returns how many came and went. */
async function churn(ways: readonly Way[], joins: number, endMs = Infinity): Promise<number> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < joins && Date.now() < endMs) {
      const at = next;
      next += 1;
      const identity = `viewer-${at}`;
      const why = async (): Promise<string> => {
        const { viewers } = await sfu.control.call('rooms.viewers', { roomId: ROOM });
        return JSON.stringify(viewers.find((one) => one.identity === identity));
      };
      const url = sfu.url(sfu.ticket({ identity, role: 'viewer' }));
      try {
        again += (await ChurnViewer.run(ways[at % ways.length]!, url, ROOM, why)) - 1;
      } catch (error) {
        failures.push(messageOf(error));
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, joins) }, one));
  return next;
}

/** @returns what the services hold when it is no more than before anybody came, or at the end of time. */
async function settled(): Promise<Awaited<ReturnType<typeof look>>> {
  const endMs = Date.now() + SETTLE_MS;
  for (;;) {
    const isLate = Date.now() > endMs;
    const { sessions } = await sfu.control.call('status', {});
    const { allocations } = await services.turnStatus();
    if ((sessions === 0 && allocations === 0) || isLate) {
      const now = await look();
      if (isLate || grown(now.held).length === 0) return now;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

const all = Object.keys(WAYS) as Way[];
const atOnce = all.filter((way) => WAYS[way].endsAtOnce);

const { held: empty } = await look();
// One timer wakes the service for whatever is due next, and may have been set for what is gone by now.
empty['TURN Timeout'] = (empty['TURN Timeout'] ?? 0) + 1;

async function short(t: Test): Promise<void> {
  await churn(atOnce, 2 * atOnce.length);
  t.same(grown((await settled()).held), []);
  t.same(failures, []);
}

async function long(t: Test): Promise<void> {
  const seen: (Awaited<ReturnType<typeof look>> & { joins: number })[] = [];
  let joins = 0;
  for (let turn = 0; turn <= STRETCHES; turn += 1) {
    const startMs = Date.now();
    const stretchMs = (SECONDS * 1000) / (STRETCHES + 1);
    joins += await churn(all, Math.ceil(JOINS / (STRETCHES + 1)), startMs + stretchMs);
    const seconds = Math.round((Date.now() - startMs) / 1000);
    const now = await settled();
    seen.push({ ...now, joins });
    t.comment(JSON.stringify({ joins, seconds, failures: failures.length, again, ...now }));
    t.same(grown(now.held), [], `after ${joins} joins`);
  }
  const [first, last] = [seen[0]!, seen.at(-1)!];
  for (const service of ['turn', 'sfu'] as const) {
    const bytes = ({ [service]: one }: typeof first): number => one.heapBytes + one.externalBytes;
    const perJoin = (bytes(last) - bytes(first)) / (last.joins - first.joins);
    t.ok(perJoin < MAX_BYTES_PER_JOIN, `${service}: ${perJoin.toFixed(1)} bytes of a join stay in memory`);
  }
  t.same(failures, []);
}

if (JOINS > 0) t.test('thousands come and go, and nothing grows', long);
else t.test('what viewers leave behind when they have gone is nothing', short);
