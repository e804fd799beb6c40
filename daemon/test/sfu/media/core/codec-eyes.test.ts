/** Key frames, sizes and parameter sets as the codecs write them; SPS bytes are of x264 and OpenH264. */
import fc from 'fast-check';
import t from 'tap';
import { createCodecEye } from '../../../../sfu/media/core/codec-eye.ts';
import {
  CACHE_VOID,
  KEY_FRAME_START,
  NOTHING,
  PARAMETERS_CHANGED,
  SPATIAL_SHIFT,
} from '../../../../sfu/media/core/codec-facts.ts';
import { parseSequenceParameters } from '../../../../sfu/media/core/h264-sequence-parameters.ts';
import { FUZZ_RUNS, hex, PPS, SPS_360, SPS_720, stapA } from './streams.ts';

t.test('sequence parameter sets', (t) => {
  const sets: [string, string, number, number, string, boolean][] = [
    ['x264 baseline', '6742c01fd9005005bb0110000003001000000303c0f1832480', 1280, 720, '42c01f', false],
    [
      'x264 high, B-frames',
      '67640028acd940780227e5c044000003000400000300f03c60c658',
      1920,
      1080,
      '640028',
      true,
    ],
    [
      'x264 main without B-frames',
      '674d401ed900a02ff970110000030001000003003c0f162e48',
      640,
      360,
      '4d401e',
      false,
    ],
    ['x264 interlaced', '67640020acd940500bbf2e0220000003002000000783e2c5b2c0', 1280, 720, '640020', true],
    [
      'x264 4:2:2, scaling lists, VUI, HRD',
      '677a001fbcd940d83de6f016a0204048000003000800000301e3130007a12000f425261803c60c6580',
      854,
      480,
      '7a001f',
      true,
    ],
    ['OpenH264, cropped', '6742c00d8c8d40a842c444403c2211a8', 322, 242, '42c00d', false],
  ];
  for (const [name, sps, width, height, profileLevelId, mayReorder] of sets) {
    t.same(parseSequenceParameters(hex(sps)), { width, height, profileLevelId, mayReorder }, name);
    for (let bytes = 0; bytes < hex(sps).length; bytes += 1) {
      parseSequenceParameters(hex(sps).subarray(0, bytes));
    }
  }
  t.equal(parseSequenceParameters(hex('6742c01f')), undefined, 'cut off');
  t.end();
});

t.test('H.264: key frames in all three packet forms', (t) => {
  const eye = createCodecEye('H264')!;
  t.equal(eye.preamble, undefined);
  t.equal(eye.look(SPS_720), PARAMETERS_CHANGED);
  t.equal(eye.preamble, undefined, 'not without PPS');
  t.equal(eye.look(PPS), NOTHING);
  t.same(eye.preamble, stapA(SPS_720, PPS));
  t.same(eye.parameters, { width: 1280, height: 720, profileLevelId: '42c01f', hasBFrames: false });
  t.equal(eye.look(hex('6588841100')), KEY_FRAME_START, 'single');
  t.equal(eye.look(hex('7c85884110')), KEY_FRAME_START, 'FU-A start');
  t.equal(eye.look(hex('7c05884110')), NOTHING, 'FU-A middle');
  t.equal(eye.look(hex('7c45884110')), NOTHING, 'FU-A end');
  t.equal(eye.look(stapA(SPS_720, PPS, hex('6588841100'))), KEY_FRAME_START, 'STAP-A');
  t.equal(eye.look(hex('419a3823f8')), NOTHING, 'P slice');
  t.equal(eye.look(SPS_360), PARAMETERS_CHANGED | CACHE_VOID, 'another SPS voids the cache');
  t.equal(eye.look(SPS_360), NOTHING);
  t.equal(eye.preamble, undefined, 'the PPS belonged to the old SPS');
  t.end();
});

t.test('H.264: B slices count only where the SPS allows another order', (t) => {
  const high = createCodecEye('H264')!;
  high.look(hex('67640028acd940780227e5c044000003000400000300f03c60c658'));
  t.equal(high.look(hex('619a216c44')), NOTHING, 'P');
  t.equal(high.look(hex('019e834511')), PARAMETERS_CHANGED, 'B');
  t.equal(high.parameters.hasBFrames, true);
  t.equal(high.look(hex('019e834511')), NOTHING, 'told once');
  const base = createCodecEye('H264')!;
  base.look(SPS_720);
  t.equal(base.look(hex('019e834511')), NOTHING);
  t.end();
});

t.test('VP8', (t) => {
  const eye = createCodecEye('VP8')!;
  // Descriptor with 15 bit picture id, then a key frame tag, start code, 640x480.
  t.equal(eye.look(hex('90808001' + '50420f9d012a8002e001')), KEY_FRAME_START | PARAMETERS_CHANGED);
  t.same([eye.parameters.width, eye.parameters.height], [640, 480]);
  t.equal(eye.look(hex('10' + '50420f9d012a8002e001')), KEY_FRAME_START);
  t.equal(eye.look(hex('90808002' + '31020000')), NOTHING, 'inter frame');
  t.equal(eye.look(hex('00' + '50420f9d012a')), NOTHING, 'not the start');
  t.equal(eye.look(hex('11' + '50420f9d012a')), NOTHING, 'second partition');
  t.end();
});

t.test('VP9 and AV1', (t) => {
  const vp9 = createCodecEye('VP9')!;
  // I, B, E, V; 15 bit id; one layer with size 1280x720, no GOF.
  t.equal(vp9.look(hex('8e8001' + '10050002d0' + '8249')), KEY_FRAME_START | PARAMETERS_CHANGED);
  t.same([vp9.parameters.width, vp9.parameters.height], [1280, 720]);
  t.equal(vp9.look(hex('cc8002' + '8249')), NOTHING, 'inter frame');
  t.equal(vp9.look(hex('848001' + '8249')), NOTHING, 'not the start');
  t.equal(vp9.look(hex('a88001' + '0200' + '8249')), 1 << SPATIAL_SHIFT, 'second spatial layer');
  t.equal(vp9.look(hex('a88001' + '0000' + '8249')), KEY_FRAME_START, 'first spatial layer');
  const av1 = createCodecEye('AV1')!;
  t.equal(av1.look(hex('180a0b00')), KEY_FRAME_START);
  t.equal(av1.look(hex('100a0b00')), NOTHING);
  t.equal(av1.look(hex('880a0b00')), NOTHING, 'a continued fragment');
  t.equal(createCodecEye('opus'), undefined);
  t.end();
});

t.test('no payload makes an eye throw', (t) => {
  for (const codec of ['H264', 'VP8', 'VP9', 'AV1'] as const) {
    const eye = createCodecEye(codec)!;
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64, size: 'max' }), (bytes) => {
        const payload = Buffer.from(bytes);
        const isKey = eye.startsKeyFrame(payload);
        return ((eye.look(payload) & KEY_FRAME_START) !== 0) === isKey;
      }),
      { numRuns: FUZZ_RUNS / 10 },
    );
  }
  t.pass('both views of a key frame agree');
  t.end();
});
