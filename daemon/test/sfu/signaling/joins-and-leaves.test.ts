/**
 * People come to a room and go again, hundreds of times: each joins, receives what is there, every second one publishes
 * too, a picture passes, and it leaves by word, by closing its socket, by losing it, or sent away by a moderator. Who
 * stays notices nothing, and the process holds at the end what it held after the first tenth: heap, handles, timers,
 * deadlines of the media core, transports, sessions, rooms.
 *
 * Sessions, rooms, legs, SRTP and the media core are the real ones; ICE and DTLS are not run here (a handshake takes
 * ten times as long as all the rest), so their memory is not measured. TURNKEEP_JOINS=10000 makes that many.
 */
import t from 'tap';
import v8 from 'node:v8';
import vm from 'node:vm';
import { DeadlineQueue } from '../../../kit/deadline-queue.ts';
import { NegotiatingClient } from '../../helpers/negotiating-client.ts';
import { SfuInProcess } from '../../helpers/sfu-in-process.ts';
import { vp8Frame } from '../media/core/streams.ts';

const JOINS = Number(process.env['TURNKEEP_JOINS'] ?? 600);
t.setTimeout(Math.max(110_000, JOINS * 200));
/** Compiled code and the like; one session that stays is tens of kilobytes. */
const MAX_GROWTH_BYTES = 3 * 1024 * 1024;
/** So that a lost session is waited for over a dozen others. */
const BETWEEN_MS = 1500;
const NORMAL_CLOSURE = 1000;
const ABNORMAL_CLOSURE = 1006;
const SOURCE = { packetsPerKeyFrame: 1, packetsPerFrame: 1, bytesPerPacket: 60 };

v8.setFlagsFromString('--expose-gc');
const collectGarbage = vm.runInNewContext('gc') as () => void;

/** Every deadline queue that is used from now on. */
const queues = new Set<{ readonly size: number }>();
const set = Reflect.get<DeadlineQueue<unknown>, 'set'>(DeadlineQueue.prototype, 'set');
DeadlineQueue.prototype.set = function (key: unknown, atMs: number): void {
  queues.add(this);
  set.call(this, key, atMs);
};
t.teardown(() => {
  DeadlineQueue.prototype.set = set;
});

class House {
  readonly bench = new SfuInProcess();
  readonly host = new NegotiatingClient(this.bench, 'host', 'flat');
  #frame = 0;

  async turn(byMs = 10): Promise<void> {
    for (let at = 0; at < 3; at += 1) await new Promise((resolve) => setImmediate(resolve));
    this.bench.clock.advance(byMs);
    await new Promise((resolve) => setImmediate(resolve));
  }

  async settle(...clients: NegotiatingClient[]): Promise<void> {
    const all = [this.host, ...clients];
    for (let quiet = 0, rounds = 0; quiet < 2; rounds += 1) {
      if (rounds > 300) throw new Error('the frames never end');
      quiet = all.every((client) => client.quiet) ? quiet + 1 : 0;
      for (const client of all) {
        client.deliverUp();
        client.deliverDown();
      }
      await this.turn();
    }
  }

  async pictures(...clients: NegotiatingClient[]): Promise<void> {
    for (let at = 0; at < 2; at += 1) {
      this.#frame += 1;
      const payload = vp8Frame(this.#frame, true, SOURCE)[0]!;
      for (const { publish } of [this.host, ...clients]) publish?.sendPictures(() => payload);
      await this.turn(40);
    }
  }

  async open(): Promise<void> {
    this.host.say('join', { roomId: 'room' });
    this.host.addTrack('VP8');
    await this.settle();
    await this.pictures();
  }

  /** One comes, sees, and goes. @returns what was wrong. */
  async visit(number: number): Promise<string[]> {
    const guest = new NegotiatingClient(this.bench, `guest${number}`, number % 3 === 0 ? 'envelope' : 'flat');
    const publishes = number % 2 === 0;
    guest.say('join', { roomId: 'room' });
    if (number % 5 === 0) guest.say('join', { roomId: `room${number}` });
    if (publishes) guest.addTrack('VP8');
    await this.settle(guest);
    await this.pictures(guest);
    await this.settle(guest);
    const wrong = [...guest.errors, ...this.host.errors.splice(0)];
    if ([...(guest.subscriber?.packets.values() ?? [])].length === 0) wrong.push('the guest saw nothing');
    if (publishes && Object.values(guest.published).length !== 1) wrong.push('the guest published nothing');
    const tracks = Object.values(guest.published);
    if (publishes && ![...this.host.slots.values()].includes(tracks[0]!)) wrong.push('the host saw nothing');
    switch (number % 4) {
      case 0:
        guest.say('leave', { roomId: 'room' });
        await this.settle(guest);
        guest.hangUp(NORMAL_CLOSURE);
        break;
      case 1:
        guest.hangUp(NORMAL_CLOSURE);
        break;
      case 2:
        guest.hangUp(ABNORMAL_CLOSURE);
        break;
      default:
        this.bench.sfu.sessions.kick(`guest${number}`, 'enough');
    }
    await this.settle();
    await this.turn(BETWEEN_MS);
    this.bench.sfu.tick();
    this.bench.openTransports();
    return wrong;
  }

  /** What the process holds once nobody is waited for any more. */
  async held(): Promise<Record<string, number>> {
    for (let second = 0; second < 120; second += 1) {
      this.bench.clock.advance(1000);
      this.bench.sfu.tick();
      if (second % 10 === 0) await this.settle();
    }
    await this.pictures();
    await this.settle();
    collectGarbage();
    await this.turn();
    collectGarbage();
    const { sfu, clock } = this.bench;
    return {
      heapBytes: process.memoryUsage().heapUsed,
      handles: process.getActiveResourcesInfo().length,
      timers: clock.waiting,
      deadlines: [...queues].reduce((sum, { size }) => sum + size, 0),
      queues: queues.size,
      transports: this.bench.openTransports(),
      sessions: sfu.sessions.size,
      rooms: sfu.director.rooms.size,
      tracks: sfu.director.trackCount,
      sections: this.host.slots.size,
    };
  }
}

t.test(`${JOINS} joins and leaves`, async (t) => {
  const house = new House();
  await house.open();
  const wrong: string[] = [];
  let early: Record<string, number> = {};
  const startedMs = Date.now();
  for (let number = 1; number <= JOINS; number += 1) {
    for (const text of await house.visit(number)) wrong.push(`${number}: ${text}`);
    if (number === Math.ceil(JOINS / 10)) early = await house.held();
  }
  const late = await house.held();
  t.comment(JSON.stringify({ seconds: (Date.now() - startedMs) / 1000, early, late }));
  t.same(wrong.slice(0, 10), []);
  const { heapBytes: heapEarly = 0, handles: handlesEarly = 0, ...restEarly } = early;
  const { heapBytes: heapLate = 0, handles: handlesLate = 0, ...restLate } = late;
  t.same(restLate, restEarly, 'the same timers, deadlines, transports, sessions and rooms');
  // The test runner has its own: one that writes or not.
  t.ok(handlesLate <= handlesEarly + 2, `${handlesEarly} handles, then ${handlesLate}`);
  t.match(restLate, { sessions: 1, rooms: 1, tracks: 1, transports: 2 });
  t.ok(heapLate - heapEarly < MAX_GROWTH_BYTES, `the heap grew by ${heapLate - heapEarly} bytes`);
  house.bench.close();
});
