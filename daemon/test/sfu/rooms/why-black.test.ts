/** The sentence for a viewer without a picture: for every first missing step, and for what stands behind it. */
import t from 'tap';
import { viewerTimeline, type ConnectionFacts, type ViewerFacts } from '../../../sfu/rooms/why-black.ts';

const LINK: ConnectionFacts = {
  ...{ offeredAtMs: 1010, answeredAtMs: 1020, relayAtMs: 1030, otherCandidates: 0 },
  ...{ iceAtMs: 1040, dtlsAtMs: 1050, ended: null },
};
const SEEN: ViewerFacts = {
  ...{ nowMs: 5000, trackId: 't', kind: 'video', sessionAtMs: 1000, connected: true },
  source: { lost: null, mutedBy: null, lastPacketAtMs: 4990, keyFrames: 3, problem: null },
  ...{ unwanted: false, undecodable: null, paused: false, held: false, behind: false },
  connection: LINK,
  ...{ packetAtMs: 1060, keyFrameAtMs: 1061, decodedAtMs: 1100, reports: true },
};
const before = (step: 'allocation' | 'ice' | 'dtls' | 'packet' | 'key-frame' | 'decoded'): ViewerFacts => {
  const order = ['allocation', 'ice', 'dtls', 'packet', 'key-frame', 'decoded'];
  const at = order.indexOf(step);
  const gone = (name: string): boolean => order.indexOf(name) >= at;
  return {
    ...SEEN,
    connection: {
      ...LINK,
      ...(gone('allocation') && { relayAtMs: null }),
      ...(gone('ice') && { iceAtMs: null }),
      ...(gone('dtls') && { dtlsAtMs: null }),
    },
    packetAtMs: gone('packet') ? null : SEEN.packetAtMs,
    keyFrameAtMs: gone('key-frame') ? null : SEEN.keyFrameAtMs,
    decodedAtMs: null,
  };
};

t.test('the first missing step is named, with what to look at', (t) => {
  const cases: [ViewerFacts, string | null, RegExp][] = [
    [SEEN, null, /^It has a picture\.$/],
    [before('allocation'), 'allocation', /no TURN address answered.*firewall/],
    [before('ice'), 'ice', /no path from the relay to the SFU/],
    [before('dtls'), 'dtls', /DTLS handshake/],
    [before('packet'), 'packet', /nothing was sent to it yet/],
    [before('key-frame'), 'key-frame', /next key frame/],
    [before('decoded'), 'decoded', /decoded no frame/],
    [{ ...before('decoded'), reports: false }, 'decoded', /has not reported/],
  ];
  for (const [facts, missing, sentence] of cases) {
    const timeline = viewerTimeline(facts);
    t.equal(timeline.missing, missing);
    t.match(timeline.sentence, sentence);
    const done = timeline.steps.map((step) => step.done);
    t.strictSame(done, [...done].sort().reverse(), 'what is done comes first');
    t.equal(timeline.steps.find((step) => !step.done)?.id ?? null, missing);
  }
  t.end();
});

t.test('causes behind a step', (t) => {
  const sentence = (facts: ViewerFacts, more: Partial<ViewerFacts> = {}): string =>
    viewerTimeline({ ...facts, ...more }).sentence;
  const relay = before('allocation');
  const link = relay.connection!;
  t.match(sentence(relay, { connection: { ...link, answeredAtMs: null } }), /not answered the offer/);
  t.match(sentence(relay, { connection: { ...link, otherCandidates: 2 } }), /iceTransportPolicy "relay"/);
  t.match(sentence(relay, { connection: { ...link, ended: 'It timed out.' } }), /ended: It timed out/);
  t.match(sentence(relay, { connected: false }), /signaling connection is lost/);
  t.match(sentence(relay, { connection: null }), /No track was offered/);
  t.match(sentence(relay, { connection: null, trackId: null }), /Nobody publishes/);

  const problem = 'The camera sends B-frames.';
  const odd = { source: { ...SEEN.source, problem } };
  const undecoded = before('decoded');
  t.equal(
    sentence(undecoded, odd),
    'A key frame was sent to it, but its browser has decoded no frame. The camera sends B-frames.',
  );
  t.match(sentence(undecoded, { ...odd, reports: false }), /has not reported a decoded frame\. The camera/);
  t.equal(sentence(SEEN, odd), 'It has a picture.', 'it is no cause where frames are decoded');
  t.notMatch(sentence(before('dtls'), odd), /B-frames/, 'nor of what comes before');

  const packet = before('packet');
  const source = (more: Partial<ViewerFacts['source']>): Partial<ViewerFacts> => ({
    source: { ...SEEN.source, ...more },
  });
  t.equal(sentence(packet, source({ lost: 'The camera is offline.' })), 'The camera is offline.');
  t.match(sentence(packet, source({ mutedBy: 'moderator' })), /A moderator has muted/);
  t.match(sentence(packet, source({ mutedBy: 'publisher' })), /publisher has muted/);
  t.match(sentence(packet, source({ lastPacketAtMs: null })), /sent nothing yet/);
  t.match(sentence(packet, source({ lastPacketAtMs: 1000 })), /nothing for 4 s/);
  t.match(sentence(packet, { unwanted: true }), /does not watch/);
  t.match(sentence(packet, { unwanted: true, undecodable: 'H264' }), /browser cannot decode H264/);
  t.match(sentence(packet, { paused: true }), /has paused/);
  t.match(sentence(packet, { held: true }), /too slow/);
  // A client that reports no decoded frame is told of these too, not of frames that it might have lost.
  for (const facts of [packet, undecoded, { ...undecoded, reports: false }]) {
    t.match(sentence(facts, { held: true }), /^Its network is too slow for the track: it is held back/);
    t.match(sentence(facts, { paused: true }), /^The viewer has paused/);
    t.match(sentence(facts, source({ mutedBy: 'moderator' })), /^A moderator has muted/);
    t.match(sentence(facts, source({ lost: 'The camera is offline.' })), /^The camera is offline/);
  }
  const behind = { behind: true };
  t.match(sentence(SEEN, behind), /^It has a picture, .*network is too slow.*pictures are left out/);
  t.match(sentence(undecoded, behind), /decoded no frame\. Its network is too slow/);
  t.match(sentence(undecoded, { ...behind, reports: false }), /has not reported .*Its network is too slow/);
  t.match(sentence(before('key-frame'), source({ keyFrames: 0 })), /encoder does not answer/);
  t.match(sentence(SEEN, source({ lastPacketAtMs: 1000 })), /^It had a picture\. Now: .*nothing for 4 s/);
  t.match(sentence(SEEN, { connection: { ...LINK, ended: 'Closed.' } }), /had a picture until/);
  t.end();
});

t.test('a step that is done had all before it; sound needs no key frame', (t) => {
  const unseen = viewerTimeline({ ...SEEN, packetAtMs: null, keyFrameAtMs: null });
  t.equal(unseen.missing, null);
  t.match(unseen.steps[4], { id: 'packet', done: true, atMs: null });
  const sound = viewerTimeline({ ...before('decoded'), kind: 'audio', keyFrameAtMs: null });
  t.equal(sound.missing, 'decoded');
  t.end();
});
