/** Two namespaces of an installed box, each with a camera and a viewer, and what both see while one of them is exhausted. */
import { setTimeout as pause } from 'node:timers/promises';
import { ApiClient } from '../../../cli/api-client.ts';
import { sliceOf, unitOf } from '../../system/systemd/unit-names.ts';
import type { Box } from './box.ts';
import { untilServed } from './installed-box.ts';
import { WatchedPicture, type Seen } from './watched-picture.ts';

/** Of /proc/PID/stat. */
const TICKS_PER_SECOND = 100;

/** What each of the two saw meanwhile. */
export type Row = { what: string; seconds: number; exhausted: Seen; other: Seen };
/** Facts of the service manager. */
export type Unit = { pid: number; restarts: number };

export class BlastWall {
  readonly box: Box;
  readonly api: ApiClient;
  /** The namespace that is exhausted, and the one that must not notice. */
  readonly names: { exhausted: string; other: string };
  readonly #exhausted: WatchedPicture;
  readonly #other: WatchedPicture;

  private constructor(
    box: Box,
    api: ApiClient,
    names: BlastWall['names'],
    exhausted: WatchedPicture,
    other: WatchedPicture,
  ) {
    this.box = box;
    this.api = api;
    this.names = names;
    this.#exhausted = exhausted;
    this.#other = other;
  }

  /** @param names two namespaces that are served. Resolves when both pictures move. */
  static async start(box: Box, names: BlastWall['names'], directory: string): Promise<BlastWall> {
    const api = new ApiClient({ socketPath: box.pathOf('/run/turnkeep/turnkeepd.sock') });
    const [exhausted, other] = await Promise.all([
      WatchedPicture.start(box, api, names.exhausted, directory),
      WatchedPicture.start(box, api, names.other, directory),
    ]);
    return new BlastWall(box, api, names, exhausted, other);
  }

  /** What is seen from now until both the time is over and `act` has ended. */
  async during(
    what: string,
    atLeastMs: number,
    act: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<Row> {
    const fromMs = Date.now();
    await Promise.all([act(), pause(atLeastMs)]);
    const toMs = Date.now();
    return {
      what,
      seconds: (toMs - fromMs) / 1000,
      exhausted: this.#exhausted.seen(fromMs, toMs),
      other: this.#other.seen(fromMs, toMs),
    };
  }

  /** Until the exhausted namespace is served again and both pictures move. */
  async untilCalm(): Promise<void> {
    await untilServed(this.box, this.names.exhausted);
    await Promise.all([this.#exhausted.frames(30), this.#other.frames(30)]);
  }

  async unit(kind: 'turn' | 'sfu', namespace: string): Promise<Unit> {
    const [pid, restarts] = await this.#show(unitOf({ kind, namespace }), ['MainPID', 'NRestarts']);
    return { pid: Number(pid), restarts: Number(restarts) };
  }

  /** What the slice of a namespace takes now. */
  async taken(namespace: string): Promise<{ tasks: number; memoryBytes: number }> {
    const [tasks, memory] = await this.#show(sliceOf(namespace), ['TasksCurrent', 'MemoryCurrent']);
    return { tasks: Number(tasks), memoryBytes: Number(memory) };
  }

  /** CPU time of the processes that a unit in its slice has now. */
  async cpuSecondsOf(namespace: string, unit: string): Promise<number> {
    const group = `turnkeep.slice/${sliceOf(namespace)}/${unit}.service`;
    const ticks = await this.box.sh(`
      root=/sys/fs/cgroup/systemd; [ -d $root ] || root=/sys/fs/cgroup
      for p in $(cat "$root/${group}/cgroup.procs"); do cat /proc/$p/stat || true; done | awk '{ sum += $14 + $15 } END { print sum + 0 }'`);
    return Number(ticks) / TICKS_PER_SECOND;
  }

  async #show(unit: string, properties: readonly string[]): Promise<string[]> {
    const words = properties.map((name) => `systemctl show --property=${name} --value '${unit}'`);
    return (await this.box.sh(words.join('\n'))).trim().split('\n');
  }
}
