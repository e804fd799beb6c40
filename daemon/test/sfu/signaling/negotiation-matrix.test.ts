/**
 * Every crossing of offers, answers, restarts and changes between client and SFU: each pair of events, with some of the
 * frames between them delivered and the others under way, in both message forms. Whatever crossed: both connections
 * end stable, no track is lost, and media of each track arrives on the section it was told to be on. Then random
 * courses of many events, always the same. TURNKEEP_NEGOTIATION_RUNS=1000 makes that many new ones, and each pair twelve
 * times: with none, one and two rounds of frames between them, in each form, with clients that name the offer they answer
 * and those that do not.
 */
import fc from 'fast-check';
import t from 'tap';
import { NegotiatingClient, type Form } from '../../helpers/negotiating-client.ts';
import { RELAY, SfuInProcess } from '../../helpers/sfu-in-process.ts';
import { PPS, SPS_360, SPS_720, stapA, vp8Frame } from '../media/core/streams.ts';

t.setTimeout(process.env['TURNKEEP_NEGOTIATION_RUNS'] === undefined ? 110_000 : 2_400_000);
const RUNS = Number(process.env['TURNKEEP_NEGOTIATION_RUNS'] ?? 40);
const IS_LONG = process.env['TURNKEEP_NEGOTIATION_RUNS'] !== undefined;
/** Forms of frames, with clients that name the offer they answer, or do not. */
const KINDS: readonly (readonly [Form, boolean])[] = [
  ['flat', true],
  ['envelope', true],
  ['flat', false],
  ['envelope', false],
];
const IDR = Buffer.from(`6588${'00'.repeat(60)}`, 'hex');

class Meeting {
  readonly bench = new SfuInProcess();
  readonly ada: NegotiatingClient;
  readonly bob: NegotiatingClient;
  sps = SPS_720;

  readonly namesOffers: boolean;

  /** @param namesOffers answers say which offer they are to. */
  constructor(form: Form, namesOffers: boolean) {
    this.ada = new NegotiatingClient(this.bench, 'ada', form, namesOffers);
    this.bob = new NegotiatingClient(this.bench, 'bob', form === 'flat' ? 'envelope' : 'flat', namesOffers);
    this.namesOffers = namesOffers;
  }

  get clients(): NegotiatingClient[] {
    return [this.ada, this.bob];
  }

  async begin(): Promise<void> {
    for (const client of this.clients) {
      client.say('join', { roomId: 'room' });
      client.addTrack('VP8');
      client.addTrack('H264');
    }
    await this.settle();
  }

  /** What is due now happens; no frame moves. */
  async turn(byMs = 10): Promise<void> {
    for (let at = 0; at < 4; at += 1) await new Promise((resolve) => setImmediate(resolve));
    this.bench.clock.advance(byMs);
    for (let at = 0; at < 2; at += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  async settle(): Promise<void> {
    for (let quiet = 0, rounds = 0; quiet < 3; rounds += 1) {
      if (rounds > 300) throw new Error('the frames never end');
      quiet = this.clients.every((client) => client.quiet) ? quiet + 1 : 0;
      for (const client of this.clients) {
        client.deliverUp();
        client.deliverDown();
      }
      await this.turn();
    }
  }

  async pictures(): Promise<void> {
    for (let at = 0; at < 6; at += 1) {
      for (const { publish } of this.clients) {
        publish?.sendPictures(({ codec }) =>
          codec === 'H264'
            ? stapA(this.sps, PPS, IDR)
            : vp8Frame(at, true, { packetsPerKeyFrame: 1, packetsPerFrame: 1, bytesPerPacket: 60 })[0]!,
        );
      }
      await this.turn(100);
    }
  }

  /** What is wrong at the end; empty when nothing is. */
  async verdict(): Promise<string[]> {
    await this.settle();
    await this.pictures();
    await this.settle();
    // A change that comes now must get through: nothing waits for what will never come.
    this.bob.addTrack('VP8');
    await this.settle();
    for (const { subscriber } of this.clients) subscriber?.packets.clear();
    await this.pictures();
    const wrong: string[] = [];
    for (const [client, other] of [
      [this.ada, this.bob],
      [this.bob, this.ada],
    ] as const) {
      const who = client === this.ada ? 'ada' : 'bob';
      const { publish, subscriber, slots } = client;
      if (publish?.state !== 'stable' || publish.needed) wrong.push(`${who}: publish is ${publish?.state}`);
      const sent = Object.values(other.published);
      const sends = other.publish?.sections.filter((section) => section.sends).length ?? 0;
      if (sent.length !== sends) wrong.push(`${who}: ${sent.length} of ${sends} sections are tracks`);
      for (const trackId of sent) {
        const mids = [...slots].filter(([, one]) => one === trackId).map(([mid]) => mid);
        if (!client.known.has(trackId)) wrong.push(`${who}: was not told of a track`);
        if (mids.length !== 1) wrong.push(`${who}: a track is on ${mids.length} sections`);
        for (const mid of mids) {
          const ssrc = subscriber?.ssrcs.get(mid) ?? 0;
          if ((subscriber?.packets.get(ssrc) ?? 0) === 0) wrong.push(`${who}: no picture on section ${mid}`);
        }
      }
      const carried = [...slots.values()].filter((one) => one !== null && !sent.includes(one));
      if (carried.length > 0) wrong.push(`${who}: ${carried.length} sections carry what is gone`);
      wrong.push(
        ...client.errors.filter((error) => !HARMLESS.test(error)).map((error) => `${who}: ${error}`),
      );
    }
    this.bench.close();
    return wrong;
  }
}

/** Said to a client whose frame came too late; a connection that was made to fail. */
const HARMLESS =
  /no offer that waits|offer was not answered in time|another number of media sections|answer is that to another offer|^unavailable: The \w+ connection ended|offered by the/;

const EVENTS: Record<string, (meeting: Meeting) => void> = {
  'ada adds a track': ({ ada }) => {
    ada.addTrack('VP8');
  },
  'ada removes a track': ({ ada }) => {
    ada.removeTrack();
  },
  'ada restarts what she sends': ({ ada }) => {
    ada.restartPublish();
  },
  'ada sends by a new connection': ({ ada }) => {
    ada.replacePublish();
  },
  'ada restarts what she receives': ({ ada }) => {
    ada.say('restart');
  },
  'ada answers once more': ({ ada }) => {
    if (ada.lastAnswer !== undefined) ada.say('answer', ada.lastAnswer);
  },
  'ada offers on the wrong connection': ({ ada }) => {
    ada.say('offer', { connection: 'subscribe', sdp: 'v=0\r\n' });
  },
  'ada’s socket breaks': ({ ada }) => {
    ada.breakSocket();
  },
  'ada leaves and comes back': ({ ada }) => {
    ada.say('unsubscribe', { roomId: 'room' });
    ada.say('subscribe', { roomId: 'room' });
  },
  'ada trickles a candidate': ({ ada }) => {
    const candidate = `candidate:1 1 udp 1 ${RELAY.address} ${RELAY.minPort} typ relay raddr 0.0.0.0 rport 9`;
    for (const connection of ['subscribe', 'publish']) {
      ada.say('ice-candidate', { connection, candidate: { candidate, usernameFragment: 'ahead' } });
    }
  },
  'bob adds a track': ({ bob }) => {
    bob.addTrack('H264');
  },
  'bob removes a track': ({ bob }) => {
    bob.removeTrack();
  },
  'bob’s camera has another profile': (meeting) => {
    meeting.sps = meeting.sps === SPS_720 ? SPS_360 : SPS_720;
    meeting.bob.publish?.sendPictures(({ codec }) =>
      codec === 'H264'
        ? stapA(meeting.sps, PPS, IDR)
        : vp8Frame(0, true, { packetsPerKeyFrame: 1, packetsPerFrame: 1, bytesPerPacket: 60 })[0]!,
    );
  },
  'the relays were restarted': ({ bench }) => {
    bench.sfu.sessions.relaysRestarted();
  },
  'the server waits in vain': ({ bench, namesOffers }) => {
    // For an answer that is under way: it comes late. Without a name it would be believed to be that to a newer offer.
    if (namesOffers) bench.clock.advance(31_000);
  },
  'ada’s path ends': ({ ada }) => {
    ada.subscriber?.transport.fail();
    ada.say('restart');
  },
};
const NAMES = Object.keys(EVENTS);

t.test('every pair of events', async (t) => {
  const wrong: string[] = [];
  let crossings = 0;
  for (const [first, one] of NAMES.entries()) {
    for (const [second, other] of NAMES.entries()) {
      const place = first + second;
      for (const delivered of IS_LONG ? [0, 1, 2] : [place % 3]) {
        for (const [form, namesOffers] of IS_LONG ? KINDS : [KINDS[(place + first) % KINDS.length]!]) {
          const meeting = new Meeting(form, namesOffers);
          await meeting.begin();
          EVENTS[one]!(meeting);
          for (let frame = 0; frame < delivered; frame += 1) {
            for (const client of meeting.clients) client.deliverUp();
            await meeting.turn();
            if (frame > 0) for (const client of meeting.clients) client.deliverDown();
          }
          EVENTS[other]!(meeting);
          crossings += 1;
          for (const text of await meeting.verdict()) {
            wrong.push(`${one}, ${delivered} frames, ${other}, ${form}, ${namesOffers}: ${text}`);
          }
        }
      }
    }
  }
  t.comment(`${crossings} crossings`);
  t.same(wrong.slice(0, 30), []);
});

t.test('courses of many events', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ event: fc.constantFrom(...NAMES), up: fc.nat(2), down: fc.nat(2) }), {
        minLength: 3,
        maxLength: 14,
      }),
      fc.constantFrom(...KINDS),
      async (course, [form, namesOffers]) => {
        const meeting = new Meeting(form, namesOffers);
        await meeting.begin();
        for (const { event, up, down } of course) {
          EVENTS[event]!(meeting);
          for (const client of meeting.clients) {
            for (let frame = 0; frame < up; frame += 1) client.deliverUp();
            for (let frame = 0; frame < down; frame += 1) client.deliverDown();
          }
          await meeting.turn();
        }
        const wrong = await meeting.verdict();
        if (wrong.length > 0) throw new Error(wrong.join('\n'));
      },
    ),
    IS_LONG ? { numRuns: RUNS } : { numRuns: RUNS, seed: 64 },
  );
});

for (const [form, namesOffers] of KINDS) {
  const who = namesOffers ? 'who names it' : 'who does not name it';
  t.test(`a late answer crosses a newer offer, ${form}, by one ${who}`, async (t) => {
    const meeting = new Meeting(form, namesOffers);
    await meeting.begin();
    await meeting.pictures();
    await meeting.settle();
    const { ada } = meeting;
    // An offer with the same sections as the one before.
    const offerAnother = async (): Promise<void> => {
      EVENTS['bob’s camera has another profile']!(meeting);
      await meeting.turn();
      while (ada.fromServer.length > 0) ada.deliverDown();
    };
    await offerAnother();
    const late = ada.toServer.splice(0);
    t.equal(late.length, 1, 'an answer is under way');
    await meeting.turn(31_000);
    await offerAnother();
    ada.toServer.unshift(...late);
    t.equal(ada.toServer.length, 2, 'and the answer to a newer offer behind it');
    ada.deliverUp();
    await meeting.turn();
    const dropped = meeting.bench.engine.drops()['answer-late'] ?? 0;
    t.equal(dropped, namesOffers ? 1 : 0);
    t.same(await meeting.verdict(), []);
    const refused = ada.errors.filter((error) => error.includes('no offer that waits'));
    t.equal(refused.length, namesOffers ? 0 : 1, 'the newer offer still waited for its own answer');
  });
}

t.test('an offer that was answered too late is made again', async (t) => {
  const meeting = new Meeting('flat', true);
  await meeting.begin();
  const { ada, bob } = meeting;
  bob.addTrack('VP8');
  bob.deliverUp();
  await meeting.turn();
  while (ada.fromServer.length > 0) ada.deliverDown();
  await meeting.turn(31_000);
  await meeting.settle();
  await meeting.pictures();
  const { subscriber, slots } = ada;
  const seen = [...slots.keys()].filter((mid) => subscriber?.packets.has(subscriber.ssrcs.get(mid) ?? 0));
  t.equal(seen.length, 3, 'all that Bob sends');
  t.match(await meeting.verdict(), []);
});
