/**
 * Session descriptions: read by the parser, offered on a publish connection, and given as the answer to our own offer.
 * Whatever is accepted is answered with as many sections, and the answer can be read again.
 */
import { encodingsOf, sourceOptions } from '../../../daemon/sfu/media/receive-section.ts';
import { usableCodecs } from '../../../daemon/sfu/media/codecs.ts';
import { parseSdp, SdpError } from '../../../daemon/sfu/media/sdp/parse-sdp.ts';
import type { SessionDescription } from '../../../daemon/sfu/media/sdp/session-description.ts';
import { NegotiatingClient } from '../../../daemon/test/helpers/negotiating-client.ts';
import { mutateText } from '../mutate-text.ts';
import { Client, SessionBench } from './session-bench.ts';
import { ensure, type ParserTarget } from './target.ts';

function read(text: string): SessionDescription | undefined {
  try {
    return parseSdp(text);
  } catch (error) {
    if (error instanceof SdpError) return undefined;
    throw error;
  }
}

function check({ media, bundle }: SessionDescription): void {
  ensure(media.length >= 1 && media.length <= 256 && bundle.length <= 256, 'too many sections');
  for (const section of media) {
    ensure(section.port >= 0 && section.port <= 99_999, `port ${section.port}`);
    const { codecs, candidates, extensions, ssrcs, fidGroups, rids, fingerprints } = section;
    const lists = [codecs.length <= 128, candidates.length <= 64, extensions.length <= 64, rids.length <= 8];
    lists.push(ssrcs.length <= 64, fidGroups.length <= 64, fingerprints.length <= 8);
    ensure(!lists.includes(false), 'a list beyond its bound');
    for (const { sdp, track } of usableCodecs(section)) {
      const options = sourceOptions(section, sdp, track, { trackId: 't', bindBySsrc: true });
      ensure(options.payloadType >= 0 && options.payloadType <= 127, `payload type ${options.payloadType}`);
      ensure(encodingsOf(section, track).length <= 4, 'too many encodings');
    }
  }
}

export const sdpTarget: ParserTarget = {
  mutate: mutateText,
  async open() {
    const bench = new SessionBench();
    await bench.open();
    const publisher = new NegotiatingClient(bench.sfu, 'sends', 'flat');
    publisher.say('join', { roomId: 'room' });
    publisher.addTrack('VP8');
    publisher.addTrack('H264');
    while (!publisher.quiet) {
      publisher.deliverUp();
      await bench.settle();
      publisher.deliverDown();
    }
    const hostile = new Client(bench.sfu, 'hostile');
    hostile.say('{"type":"join","roomId":"room"}');
    await bench.settle();
    return {
      async take(input) {
        const sdp = input.toString('utf8');
        const offer = read(sdp);
        if (offer !== undefined) check(offer);
        hostile.take();
        hostile.say(JSON.stringify({ type: 'offer', roomId: 'room', sdp }));
        await bench.settle();
        for (const frame of hostile.take()) {
          if (frame.type !== 'answer') continue;
          ensure(offer !== undefined, 'what cannot be read is answered');
          const answer = read(frame['sdp'] as string);
          ensure(answer !== undefined, `an answer that cannot be read: ${String(frame['sdp'])}`);
          const mids = (one: SessionDescription): string => one.media.map(({ mid }) => mid).join();
          ensure(mids(answer) === mids(offer), 'an answer with other sections');
        }
        hostile.say('{"type":"restart"}');
        await bench.settle();
        hostile.say(JSON.stringify({ type: 'answer', sdp }));
        await bench.settle();
        hostile.take();
        bench.honest.take();
      },
      async finish() {
        await bench.serves();
        bench.close();
      },
    };
  },
};
