/** The sentences about a stream that is not what it was said to be. */
import t from 'tap';
import { h264Fmtp, type TrackCodec } from '../../../sfu/media/codecs.ts';
import { problemOf } from '../../../sfu/signaling/stream-problem.ts';

const declared = (profileLevelId: string): TrackCodec => ({
  name: 'H264',
  kind: 'video',
  clockRate: 90_000,
  channels: undefined,
  fmtp: h264Fmtp(profileLevelId),
});
const stream = (profileLevelId: string | null, hasBFrames = false) => ({ profileLevelId, hasBFrames });

t.test('a level above the declared one is named with both', (t) => {
  const said = problemOf([stream('640028')], declared('42e01f'));
  t.match(said, /level 4\.0, but level 3\.1 was declared/);
  t.match(said, /Set the camera to/, 'and what to do');
  t.equal(problemOf([stream('42e01f')], declared('42e01f')), undefined);
  t.equal(problemOf([stream('42e016')], declared('42e01f')), undefined, 'a lower one is no fault');
  t.match(
    problemOf([stream('42e016'), stream('42e033')], declared('42e01f')),
    /5\.1/,
    'of several encodings, the highest',
  );
  t.end();
});

t.test('frames out of order come first; unknown parameters are no fault', (t) => {
  t.match(problemOf([stream('640028', true)], declared('42e01f')), /B-frames/);
  t.equal(problemOf([stream(null)], declared('42e01f')), undefined);
  t.equal(problemOf([stream('zz')], declared('42e01f')), undefined);
  t.equal(problemOf([], declared('42e01f')), undefined);
  t.equal(problemOf([stream('640028')], undefined), undefined);
  t.equal(problemOf([stream('640028')], { ...declared('42e01f'), name: 'VP8' }), undefined);
  t.end();
});
