/**
 * Signaling frames: the codec, then the session behind it, in a room with somebody else. `RESUME-TOKEN` in an input
 * stands for that of the socket before.
 */
import { clientFrames } from '../../../daemon/contract/signaling.ts';
import { parseFrame } from '../../../daemon/sfu/signaling/frame-codec.ts';
import { mutateText } from '../mutate-text.ts';
import { Client, SessionBench } from './session-bench.ts';
import { ensure, type ParserTarget } from './target.ts';

/** A socket breaks now and then, so that others are resumed. */
const INPUTS_PER_SOCKET = 16;
const ABNORMAL_CLOSURE = 1006;

export const signalingTarget: ParserTarget = {
  mutate: mutateText,
  async open() {
    const bench = new SessionBench();
    await bench.open();
    let hostile = new Client(bench.sfu, 'hostile');
    let token = hostile.resumeToken;
    let taken = 0;
    return {
      async take(input) {
        const text = input.toString('utf8').replaceAll('RESUME-TOKEN', token);
        const parsed = parseFrame(text);
        if (parsed.ok) ensure(Object.hasOwn(clientFrames, parsed.frame.type), 'a frame of no type');
        else ensure(parsed.message.length <= 400, 'an answer as long as the question');
        hostile.say(text);
        await bench.settle();
        hostile.take();
        bench.honest.take();
        bench.sfu.sfu.tick();
        taken += 1;
        if (!hostile.isClosed && taken % INPUTS_PER_SOCKET !== 0) return;
        token = hostile.resumeToken;
        hostile.leave(ABNORMAL_CLOSURE);
        hostile = new Client(bench.sfu, 'hostile');
      },
      async finish() {
        await bench.serves();
        bench.close();
      },
    };
  },
};
