/** A namespace's camera and a viewer of it on the host beside the box, and what the viewer sees, frame by frame. */
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { writeFileSync } from 'node:fs';
import type { ApiClient } from '../../../cli/api-client.ts';
import { deviceCreatedSchema } from '../../contract/api.ts';
import { apiKeyCreatedSchema } from '../../contract/identity.ts';
import { BOX_ADDRESS, type Box } from './box.ts';

const REPOSITORY = join(import.meta.dirname, '../../..');
const FIRST_LIMIT_MS = 90_000;

/** What was seen between two moments. */
export type Seen = { framesPerSecond: number; longestGapMs: number };

export class WatchedPicture {
  /** Arrival of each frame, in ms of Unix time. */
  readonly #framesMs: number[] = [];
  /** Everything else that the viewer said. */
  readonly words: string[] = [];

  /** Adds a camera to the namespace, attaches it, and watches it. Resolves when frames come. */
  static async start(
    box: Box,
    api: ApiClient,
    namespace: string,
    directory: string,
  ): Promise<WatchedPicture> {
    const { device, secret, caPem } = await api.post(
      '/api/devices',
      { name: `Camera of ${namespace}`, namespace },
      deviceCreatedSchema,
    );
    const caFile = join(directory, 'ca.pem');
    writeFileSync(caFile, caPem ?? '');
    box.startOutside([process.execPath, join(REPOSITORY, 'scripts/demo-camera/camera.ts')], {
      API_URL: `https://${BOX_ADDRESS}:8080`,
      DEVICE_SECRET: secret,
      SSL_CERT_FILE: caFile,
      NODE_EXTRA_CA_CERTS: caFile,
      NODE_NO_WARNINGS: '1',
    });
    const { key } = await api.post(
      `/v1/namespaces/${namespace}/api-keys`,
      { name: 'meter', role: 'viewer' },
      apiKeyCreatedSchema,
    );
    const picture = new WatchedPicture();
    const meter = box.startOutside(
      [
        process.execPath,
        join(import.meta.dirname, 'picture-meter.ts'),
        `wss://${BOX_ADDRESS}:8080/v1/webrtc/signal?namespace=${namespace}&api_key=${key}`,
        `camera:${device.id}`,
      ],
      { NODE_NO_WARNINGS: '1' },
    );
    createInterface({ input: meter.stdout! }).on('line', (line) => {
      const [word, ms] = line.split(' ');
      if (word === 'frame') picture.#framesMs.push(Number(ms));
      else picture.words.push(line);
    });
    await picture.frames(50);
    return picture;
  }

  /** Resolves when so many more frames have come. */
  async frames(count: number): Promise<void> {
    const from = this.#framesMs.length;
    const deadline = Date.now() + FIRST_LIMIT_MS;
    while (this.#framesMs.length < from + count) {
      if (Date.now() > deadline) {
        throw new Error(
          `only ${String(this.#framesMs.length - from)} of ${String(count)} frames: ${this.words.slice(-20).join('; ')}`,
        );
      }
      await pause(50);
    }
  }

  /** When the first of ten frames within a second came, of those after `fromMs` (Unix time): a picture that goes on. */
  movedMs(fromMs: number): number | undefined {
    const since = this.#framesMs.filter((ms) => ms > fromMs);
    return since.find((ms, at) => (since[at + 9] ?? Infinity) - ms < 1000);
  }

  /** Between two moments of Unix time in ms; the wait for a first and after a last frame counts as a gap. */
  seen(fromMs: number, toMs: number): Seen {
    const inside = this.#framesMs.filter((ms) => ms > fromMs && ms <= toMs);
    const edges = [fromMs, ...inside, toMs];
    const gaps = edges.slice(1).map((ms, at) => ms - (edges[at] ?? ms));
    return {
      framesPerSecond: (inside.length * 1000) / (toMs - fromMs),
      longestGapMs: Math.round(Math.max(...gaps)),
    };
  }
}
