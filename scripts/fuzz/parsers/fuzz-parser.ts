/**
 * Fuzzes one parser of the SFU in a thread of its own: its corpus as it is, then mutations of it in batches, each
 * batch on a fresh state. An exception, a rejected promise, a heap that outgrows its limit, a check that fails or an
 * input that never ends is a finding: the inputs of its batch are written to `corpus/<target>/`, whose files are sent
 * first in every run.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ParserTargetName } from './target.ts';

const CORPUS = join(import.meta.dirname, '../corpus');
/** One input takes well under a millisecond; a thread that is still at it is in a loop. */
const HANG_MS = 20_000;
const JOURNAL_BYTES = 16 * 1024 * 1024;
const HEAP_MB = 192;

export type ParserFuzzOptions = {
  target: ParserTargetName;
  seed: number;
  seconds: number;
  /** Ends after so many batches of mutations, or after `seconds`. */
  batches?: number;
};
export type ParserFuzzResult = { seed: number; inputs: number; batches: number; seconds: number };
export type ParserFuzzThread = ParserFuzzOptions & { corpus: string; journal: SharedArrayBuffer };

/** @throws Error with the seed and the file of the inputs when something was found. */
export async function fuzzParser(options: ParserFuzzOptions): Promise<ParserFuzzResult> {
  const { target, seed } = options;
  const corpus = join(CORPUS, target);
  const journal = new SharedArrayBuffer(JOURNAL_BYTES);
  const [progress, length] = [new Int32Array(journal, 0, 1), new Int32Array(journal, 4, 1)];
  const worker = new Worker(new URL('./fuzz-thread.ts', import.meta.url), {
    workerData: { ...options, corpus, journal } satisfies ParserFuzzThread,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  let watch: NodeJS.Timeout | undefined;
  try {
    return await new Promise<ParserFuzzResult>((resolve, reject) => {
      let [seen, seenAtMs] = [0, Date.now()];
      watch = setInterval(() => {
        const now = Atomics.load(progress, 0);
        if (now !== seen || now === 0) [seen, seenAtMs] = [now, Date.now()];
        else if (Date.now() - seenAtMs > HANG_MS) reject(new Error(`an input takes more than ${HANG_MS} ms`));
      }, 500);
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => {
        reject(new Error('the thread ended'));
      });
    });
  } catch (cause) {
    const inputs = Buffer.from(new Uint8Array(journal, 8, Atomics.load(length, 0)));
    const file = join(corpus, `found-${seed}-${Atomics.load(progress, 0)}.hex`);
    writeFileSync(file, inputs);
    throw new Error(`${target}, seed ${seed}: ${String(cause)}; kept in ${file}`, { cause });
  } finally {
    clearInterval(watch);
    await worker.terminate();
  }
}
