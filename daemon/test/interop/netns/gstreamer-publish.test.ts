/**
 * GStreamer's webrtcbin publishes into a room, relay-only through the real TURN service; a second peer
 * watches it. What arrives must be decodable: the frames' own headers are looked at.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import t from 'tap';
import { interfaceAddress, lineOf, SfuBehindTurn } from '../../helpers/sfu-behind-turn.ts';
import { SignalingClient } from '../../helpers/sfu-signaling-client.ts';
import { answerOffer, relayOf, weriftPeer } from '../../helpers/sfu-werift-peer.ts';

t.setTimeout(250_000);
const PYTHON = '/usr/bin/python3';
const VIEWER = '127.0.13.22';

const listen = interfaceAddress();
const bench = await SfuBehindTurn.start({
  shield: '127.0.13.5',
  turn: '127.0.13.6',
  extraRelays: [relayOf(VIEWER)],
});
const { sfu } = bench;
t.teardown(() => bench.stop());

/** First byte patterns of a key frame's first packet, by codec. */
const KEY_FRAME: Record<string, (payload: Buffer) => boolean> = {
  // STAP-A, FU-A start or single NAL that begins with SPS or an IDR slice (RFC 6184).
  h264: (payload) => {
    const type = payload[0]! & 0x1f;
    if (type === 24) return (payload[3]! & 0x1f) === 7;
    if (type === 28) return (payload[1]! & 0x9f) === 0x85;
    return type === 7 || type === 5;
  },
  // VP8 payload descriptor, then a frame tag whose lowest bit is 0 (RFC 7741).
  vp8: (payload) => (payload[0]! & 0x10) !== 0 && (payload[vp8HeaderBytes(payload)]! & 1) === 0,
};
const MIME: Record<string, string> = { h264: 'video/H264', vp8: 'video/VP8' };
const hasTools = existsSync(PYTHON) && existsSync('/usr/lib/python3/dist-packages/gi');

for (const codec of Object.keys(KEY_FRAME)) {
  const skip =
    hasTools && listen !== undefined ? {} : { skip: 'python3-gst and a network namespace (root) are needed' };
  t.test(`webrtcbin publishes ${codec} and opus, relay-only`, skip, async (t) => {
    const room = `studio-${codec}`;
    const viewer = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'bob', role: 'viewer' })));
    const peer = weriftPeer(VIEWER);
    const received: { kind: string; payload: Buffer }[] = [];
    const enough = Promise.withResolvers<null>();
    peer.onTrack.subscribe((track) => {
      track.onReceiveRtp.subscribe(({ payload }) => {
        received.push({ kind: track.kind, payload: Buffer.from(payload) });
        const count = (kind: string): number => received.filter((one) => one.kind === kind).length;
        if (count('video') >= 100 && count('audio') >= 20) enough.resolve(null);
      });
    });
    let tail = Promise.resolve();
    viewer.onFrame((frame) => {
      if (frame.type !== 'offer') return;
      tail = tail.then(async () => {
        viewer.send('answer', { sdp: await answerOffer(peer, frame['sdp'] as string) });
      });
    });
    viewer.send('join', { roomId: room });
    await viewer.next('welcome');

    const publisher = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'cam', role: 'publisher' })));
    const credentials = await publisher.next('turn-credentials');
    publisher.send('join', { roomId: room, subscribe: 'none' });
    await publisher.next('welcome');
    const user = encodeURIComponent(credentials['username'] as string);
    const password = encodeURIComponent(credentials['password'] as string);
    const gst = spawn(
      PYTHON,
      [
        'daemon/test/interop/gstreamer_publisher.py',
        codec,
        `turn://${user}:${password}@${bench.endpoint('udp')}`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    t.teardown(async () => {
      publisher.terminate();
      viewer.terminate();
      await peer.close();
      const ended = new Promise((resolve) => gst.once('exit', resolve));
      gst.stdin.end();
      const killer = setTimeout(() => gst.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(killer);
    });
    const offer = JSON.parse(await lineOf(gst, (line) => line.includes('"offer"'))) as { offer: string };
    t.match(offer.offer, /typ relay/);
    t.notMatch(offer.offer, /typ host/, 'the publisher hides its own addresses');
    publisher.send('offer', {
      roomId: room,
      sdp: offer.offer,
      tracks: [
        { mid: 'video0', source: 'camera' },
        { mid: 'audio1', source: 'microphone' },
      ],
    });
    const answer = await publisher.next('answer');
    gst.stdin.write(`${JSON.stringify({ answer: answer['sdp'] })}\n`);

    const added = await viewer.next(
      'track-added',
      (frame) => (frame['track'] as { kind: string }).kind === 'video',
    );
    t.match(added['track'], { mimeType: MIME[codec], source: 'camera', identity: 'cam' });
    await enough.promise;
    const video = received.filter((one) => one.kind === 'video');
    t.ok(
      video.some((one) => KEY_FRAME[codec]!(one.payload)),
      'a key frame arrived',
    );
    const { rooms } = await sfu.control.call('rooms.list', {});
    t.equal(rooms.find((one) => one.roomId === room)?.participants.length, 2);
    const status = await sfu.control.call('status', {});
    t.equal(status.drops['not-relay'] ?? 0, 0, 'all media came through relays');
    if (codec === 'h264') {
      const late = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'late', role: 'viewer' })));
      late.send('join', { roomId: room, subscribe: 'none' });
      const welcome = await late.next('welcome');
      const tracks = welcome['tracks'] as { kind: string; fmtp: string }[];
      t.match(tracks.find((one) => one.kind === 'video')?.fmtp, /profile-level-id=42e0(0c|0d|14|15|1e|1f)/);
      late.close();
    }

    publisher.send('leave', { roomId: room });
    await viewer.next('track-removed');
  });
}

function vp8HeaderBytes(payload: Buffer): number {
  if ((payload[0]! & 0x80) === 0) return 1;
  const flags = payload[1]!;
  let bytes = 2;
  if ((flags & 0x80) !== 0) bytes += (payload[2]! & 0x80) !== 0 ? 2 : 1;
  if ((flags & 0x40) !== 0) bytes += 1;
  if ((flags & 0x30) !== 0) bytes += 1;
  return bytes;
}
