/** The thread of fuzz-parser.ts. What it throws, its parent reports with the inputs noted in the journal. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { seeded } from '../mutate.ts';
import type { ParserFuzzResult, ParserFuzzThread } from './fuzz-parser.ts';
import { rtcpTarget } from './rtcp-target.ts';
import { rtpTarget } from './rtp-target.ts';
import { sdpTarget } from './sdp-target.ts';
import { signalingTarget } from './signaling-target.ts';
import type { ParserTarget, ParserTargetName } from './target.ts';

const BATCH = 64;
const TARGETS: Record<ParserTargetName, ParserTarget> = {
  rtp: rtpTarget,
  rtcp: rtcpTarget,
  sdp: sdpTarget,
  signaling: signalingTarget,
};

const { target: name, seed, seconds, batches, corpus, journal } = workerData as ParserFuzzThread;
const target = TARGETS[name];
const [progress, length] = [new Int32Array(journal, 0, 1), new Int32Array(journal, 4, 1)];
const text = Buffer.from(journal, 8);
const random = seeded(seed);

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function run(inputs: readonly Buffer[]): Promise<void> {
  Atomics.store(length, 0, 0);
  const subject = await target.open();
  for (const input of inputs) {
    const at = Atomics.load(length, 0);
    Atomics.store(length, 0, at + text.write(`${input.toString('hex')}\n`, at));
    Atomics.add(progress, 0, 1);
    // Whoever takes it may write into it.
    await subject.take(Buffer.from(input));
  }
  await subject.finish();
  // A promise that nobody waits for is rejected before the next batch begins.
  await turn();
}

const kept = readdirSync(corpus)
  .filter((file) => file.endsWith('.hex'))
  .map((file) =>
    readFileSync(join(corpus, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Buffer.from(line, 'hex')),
  );
for (const inputs of kept) await run(inputs);
const samples = kept.flat();
const startedMs = Date.now();
const result: ParserFuzzResult = { seed, inputs: samples.length, batches: 0, seconds: 0 };
while (Date.now() - startedMs < seconds * 1000 && result.batches < (batches ?? Infinity)) {
  const inputs = Array.from({ length: BATCH }, () => {
    const sample = samples[Math.floor(random() * samples.length)]!;
    return random() < 0.2 ? sample : target.mutate(sample, random);
  });
  await run(inputs);
  result.inputs += inputs.length;
  result.batches += 1;
}
result.seconds = (Date.now() - startedMs) / 1000;
parentPort!.postMessage(result);
