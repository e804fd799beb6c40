/** Figures as the design defines them; what the browser does not give stays unknown. */
import t from 'tap';
import {
  codecLabel,
  FrameGaps,
  pathText,
  TrackStatistics,
  troubleOf,
  type StatsSample,
} from '../../src/actions/statistics.ts';

type Stats = Record<string, unknown>;
const report = (inbound: Stats, more: Stats[] = []): Map<string, Stats> =>
  new Map(
    [
      { id: 'in', type: 'inbound-rtp', trackIdentifier: 'video-1', ...inbound },
      { id: 'other', type: 'inbound-rtp', trackIdentifier: 'video-2', bytesReceived: 9e9 },
      ...more,
    ].map((one) => [String(one['id']), one]),
  );
const context = (nowMs: number, change: object = {}) => ({
  trackId: 'video-1',
  nowMs,
  mimeType: 'video/H264',
  fmtp: 'profile-level-id=640028',
  iceServerUrls: ['turn:keep.example:3478?transport=udp'],
  countedFreezes: null,
  ...change,
});

t.test('deltas over two seconds, loss over ten', (t) => {
  const statistics = new TrackStatistics();
  let sample: StatsSample | undefined;
  for (let second = 0; second <= 12; second++) {
    sample = statistics.update(
      report({
        framesDecoded: 25 * second,
        bytesReceived: 300_000 * second,
        packetsReceived: 240 * second,
        packetsLost: second < 4 ? 0 : 10,
        nackCount: second < 4 ? 0 : 3,
        jitterBufferDelay: 0.046 * 25 * second,
        jitterBufferEmittedCount: 25 * second,
        freezeCount: second < 6 ? 0 : 1,
        frameWidth: 1920,
        frameHeight: 1080,
        framesDropped: 2,
      }),
      context(second * 1000),
    );
  }
  t.equal(sample?.framesPerSecond, 25);
  t.equal(sample?.bitsPerSecond, 2_400_000);
  t.equal(Math.round(sample?.jitterBufferMs ?? 0), 46);
  t.equal(sample?.loss, 10 / 2410);
  t.equal(sample?.resent, 3);
  t.equal(sample?.freezesPerMinute, 1);
  t.equal(sample?.codec, 'H.264 High 4.0');
  t.equal(sample?.bitRates.length, 12);
  t.equal(sample?.path, null);
  t.end();
});

t.test('a figure the browser does not give is unknown, never 0', (t) => {
  const statistics = new TrackStatistics();
  statistics.update(report({}), context(0));
  const sample = statistics.update(report({}), context(2000));
  for (const name of [
    'width',
    'framesPerSecond',
    'bitsPerSecond',
    'loss',
    'resent',
    'roundTripMs',
    'jitterBufferMs',
    'framesDecoded',
    'framesDropped',
    'freezesPerMinute',
    'path',
  ] as const) {
    t.equal(sample[name], null, name);
  }
  t.equal(new TrackStatistics().update(report({}), context(0, { countedFreezes: 2 })).freezesPerMinute, 2);
  t.end();
});

t.test('counters that begin again give no nonsense', (t) => {
  const statistics = new TrackStatistics();
  statistics.update(report({ bytesReceived: 1_000_000, framesDecoded: 500 }), context(0));
  const sample = statistics.update(report({ bytesReceived: 1000, framesDecoded: 1 }), context(2000));
  t.equal(sample.bitsPerSecond, null);
  t.equal(sample.framesPerSecond, null);
  t.end();
});

t.test('the path is the selected pair, and its round trip ages', (t) => {
  const statistics = new TrackStatistics();
  const pair = (responses: number): Stats[] => [
    { id: 'transport', type: 'transport', selectedCandidatePairId: 'pair' },
    {
      id: 'pair',
      type: 'candidate-pair',
      localCandidateId: 'local',
      currentRoundTripTime: 0.038,
      responsesReceived: responses,
    },
    {
      id: 'local',
      type: 'local-candidate',
      candidateType: 'relay',
      relayProtocol: 'udp',
      url: 'turn:1.2.3.4:3478?transport=udp',
    },
  ];
  const sample = statistics.update(report({}, pair(1)), context(0));
  t.equal(sample.roundTripMs, 38);
  t.same(sample.path, { candidateType: 'relay', transport: 'udp 3478' });
  t.equal(pathText(sample.path!), 'relay via udp 3478');
  t.equal(statistics.update(report({}, pair(1)), context(5000)).roundTripMs, 38);
  t.equal(statistics.update(report({}, pair(1)), context(5001)).roundTripMs, null, 'older than 5 s');
  t.equal(statistics.update(report({}, pair(2)), context(6000)).roundTripMs, 38);
  const host = pair(3).map((one) =>
    one['id'] === 'local'
      ? { id: 'local', type: 'local-candidate', candidateType: 'host', protocol: 'udp' }
      : one,
  );
  t.match(pathText(statistics.update(report({}, host), context(7000)).path!), /host, not through the relay/);
  const silent = pair(4).map((one) =>
    one['id'] === 'local'
      ? { id: 'local', type: 'local-candidate', candidateType: 'relay', relayProtocol: 'udp' }
      : one,
  );
  t.same(
    statistics.update(report({}, silent), context(8000)).path?.transport,
    'udp 3478',
    'from the ICE server used',
  );
  t.end();
});

t.test('codec names', (t) => {
  t.equal(codecLabel('video/H264', 'profile-level-id=42e01f'), 'H.264 Constrained Baseline 3.1');
  t.equal(codecLabel('video/H264', 'profile-level-id=4d0028'), 'H.264 Main 4.0');
  t.equal(codecLabel('video/H264', ''), 'H.264');
  t.equal(codecLabel('video/VP8', ''), 'VP8');
  t.equal(codecLabel('video/AV1', null), 'AV1');
  t.equal(codecLabel(null, null), null);
  t.end();
});

t.test('the worst figure in words', (t) => {
  const fine = { loss: 0.01, freezesPerMinute: 1, roundTripMs: 60 } as StatsSample;
  t.equal(troubleOf(fine), null);
  t.equal(troubleOf({ ...fine, loss: 0.042 }), '4.2 % loss');
  t.equal(troubleOf({ ...fine, freezesPerMinute: 2 }), '2 freezes in 1 min');
  t.equal(troubleOf({ ...fine, roundTripMs: 410 }), '410 ms round trip');
  t.end();
});

t.test('freezes by frame gaps', (t) => {
  const gaps = new FrameGaps();
  let atMs = 0;
  for (let frame = 0; frame < 50; frame++) gaps.frame((atMs += 40));
  t.equal(gaps.perMinute(atMs), 0);
  gaps.frame((atMs += 189));
  t.equal(gaps.perMinute(atMs), 0, 'mean + 150 ms is the limit at 25 fps');
  for (let frame = 0; frame < 50; frame++) gaps.frame((atMs += 40));
  gaps.frame((atMs += 400));
  t.equal(gaps.perMinute(atMs), 1);
  gaps.reset();
  gaps.frame((atMs += 10_000));
  t.equal(gaps.perMinute(atMs), 1, 'a wanted pause is no freeze');
  t.equal(gaps.perMinute(atMs + 60_000), 0);
  t.end();
});
