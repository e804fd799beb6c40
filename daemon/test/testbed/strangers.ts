/**
 * Load on the TURN service of one namespace, from another host, held until the process is ended. Says one line of JSON
 * when there is no more to get, and goes on.
 *
 *   node strangers.ts allocate ADDRESS PORT < JSON lines of {username, password}   Allocates with each until it is refused
 *   node strangers.ts allocate-once ADDRESS PORT < the same                         one with each
 *   node strangers.ts connect ADDRESS PORT SOURCE,SOURCE,...                        connections that say nothing, for ever
 */
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { TurnClient } from '../helpers/turn-client.ts';

const [mode = '', address = '', port = '', sources = ''] = process.argv.slice(2);
const ABREAST = 16;
const say = (said: object): void => {
  process.stdout.write(`${JSON.stringify(said)}\n`);
};

/** @returns how often each answer came: `success`, or the code of the refusal. */
async function allocateAll(): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  const lines = (await text(process.stdin)).trim().split('\n');
  const credentials = lines.map((line) => JSON.parse(line) as { username: string; password: string });
  const untilRefused = async (credential: { username: string; password: string }): Promise<void> => {
    const isOnce = mode === 'allocate-once';
    for (let code: string | number = 'success', count = 0; code === 'success'; count += 1) {
      if (isOnce && count > 0) return;
      const client = await TurnClient.open(
        { teardown: () => undefined },
        { transport: 'udp', address, port: Number(port), ...credential },
      );
      ({ code } = await client.allocate());
      answers[code] = (answers[code] ?? 0) + 1;
    }
  };
  await Promise.all(
    Array.from({ length: ABREAST }, async () => {
      for (let one = credentials.shift(); one !== undefined; one = credentials.shift()) {
        await untilRefused(one);
      }
    }),
  );
  return answers;
}

/** Each source begins connections one after another and lets go of none that is not taken from it. */
async function connectForEver(source: string, count: { begun: number; ended: number }): Promise<never> {
  for (;;) {
    const socket = connect({ host: address, port: Number(port), localAddress: source });
    socket.on('error', () => undefined);
    socket.once('close', () => (count.ended += 1));
    count.begun += 1;
    await pause(1);
  }
}

if (mode.startsWith('allocate')) say(await allocateAll());
else {
  const count = { begun: 0, ended: 0 };
  for (const source of sources.split(',')) void connectForEver(source, count);
  setInterval(() => {
    say(count);
  }, 500);
}
setInterval(() => undefined, 1000);
