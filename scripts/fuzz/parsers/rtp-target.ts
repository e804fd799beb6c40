/**
 * RTP of every codec into the media core, as it is, protected, and protected and then changed: header extensions,
 * padding, RTX, simulcast, the eyes for the payloads. An input is a packet before protection; its sequence number says
 * how far it is from the last one of its SSRC.
 */
import { createCodecEye } from '../../../daemon/sfu/media/core/codec-eye.ts';
import { KEY_FRAME_START } from '../../../daemon/sfu/media/core/codec-facts.ts';
import { writeNack, writePictureLossIndication } from '../../../daemon/sfu/media/core/rtcp-packet.ts';
import {
  emptyRtpHeader,
  findExtension,
  parseRtpHeader,
  stripPadding,
} from '../../../daemon/sfu/media/core/rtp-packet.ts';
import type { CodecName, SourceOptions } from '../../../daemon/sfu/media/core/types.ts';
import { mutate } from '../mutate.ts';
import { CoreBench, MID_ID, TRANSPORT_CC_ID } from './core-bench.ts';
import { ensure, type ParserTarget } from './target.ts';

/** Payload types 96, 98, ...; SSRCs 100, 101, ...; RTX one and a hundred above. */
const CODECS: readonly CodecName[] = ['H264', 'VP8', 'VP9', 'AV1', 'opus'];
const VIDEO = ['H264', 'VP8', 'VP9', 'AV1'] as const;
const MAX_STEP = 3000;

export function sourceOf(codec: CodecName, at: number): SourceOptions {
  return {
    trackId: `track${at}`,
    kind: codec === 'opus' ? 'audio' : 'video',
    codec,
    clockRate: codec === 'opus' ? 48_000 : 90_000,
    payloadType: 96 + at * 2,
    rtxPayloadType: 97 + at * 2,
    ssrc: 100 + at,
    rtxSsrc: 200 + at,
    mid: String(at),
    midExtensionId: MID_ID,
    transportCcExtensionId: TRANSPORT_CC_ID,
    audioLevelExtensionId: codec === 'opus' ? 2 : undefined,
    feedback: { nack: true, pli: true, transportCc: true },
  };
}

/** Two encodings of one section, known by their RtpStreamIds. */
function simulcast(): SourceOptions[] {
  return ['h', 'l'].map((rid, at) => ({
    ...sourceOf('VP8', 5),
    ...{ trackId: `layer${at}`, ssrc: undefined, rtxSsrc: undefined, rid },
    ...{ ridExtensionId: 4, repairedRidExtensionId: 5 },
  }));
}

export const rtpTarget: ParserTarget = {
  mutate,
  open() {
    const bench = new CoreBench([...CODECS.map(sourceOf), ...simulcast()]);
    const eyes = VIDEO.map((codec) => createCodecEye(codec)!);
    const header = emptyRtpHeader();
    let taken = 0;
    return {
      take(input) {
        taken += 1;
        bench.publisher.peer.receive(Buffer.from(input), bench.nowMs);
        if (parseRtpHeader(input, header)) {
          const { headerBytes, hasPadding, sequenceNumber } = header;
          ensure(headerBytes >= 12 && headerBytes <= input.length, `a header of ${headerBytes} bytes`);
          for (let id = 0; id <= 255; id += 1) {
            const found = findExtension(input, header, id);
            ensure(
              found === -1 || (found >> 8) + (found & 255) <= headerBytes,
              'an extension beyond the header',
            );
          }
          const payload = input.subarray(headerBytes);
          const bare = stripPadding(payload, hasPadding);
          ensure(bare === undefined || bare.length <= payload.length, 'padding makes it longer');
          for (const eye of eyes) {
            const isKey = eye.startsKeyFrame(payload);
            ensure(((eye.look(payload) & KEY_FRAME_START) !== 0) === isKey, 'two views of a key frame');
            const { width, height } = eye.parameters;
            ensure((width ?? 0) >= 0 && (height ?? 0) >= 0, `a picture of ${width}x${height}`);
          }
          bench.publish(Buffer.from(input.subarray(0, headerBytes)), payload, sequenceNumber % MAX_STEP);
        }
        if (taken % 4 === 0) {
          for (const [ssrc, last] of bench.lastSent) {
            const numbers = Array.from({ length: 20 }, (_, back) => (last - 20 + back) & 0xffff);
            bench.report(bench.viewer, writeNack(1, ssrc, numbers));
            bench.report(bench.viewer, writePictureLossIndication(1, ssrc));
          }
        }
        bench.step();
      },
      finish() {
        for (const source of bench.sources) {
          const { packets, bytes, framesPerSecond } = source.stats(bench.nowMs);
          ensure(packets >= 0 && bytes >= 0 && framesPerSecond >= 0, 'figures below zero');
        }
        bench.close();
      },
    };
  },
};
