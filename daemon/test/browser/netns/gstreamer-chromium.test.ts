/**
 * Chromium shows what GStreamer's webrtcbin publishes, relay-only over each transport of the real TURN
 * service. Judged by pixels, decoded frames and the TURN service's list of sessions.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect } from 'node:tls';
import t, { type Test } from 'tap';
import {
  interfaceAddress,
  lineOf,
  SfuBehindTurn,
  type RelayTransport,
} from '../../helpers/sfu-behind-turn.ts';
import { SignalingClient } from '../../helpers/sfu-signaling-client.ts';
import { CHROMIUM } from '../browser.ts';
import { launchChromium, lookUntil, servePage, showsPicture } from '../room-tabs.ts';

t.setTimeout(280_000);
const PYTHON = '/usr/bin/python3';
const tools = [PYTHON, CHROMIUM, '/usr/lib/python3/dist-packages/gi'].every((path) => existsSync(path));
const ROWS: { codec: string; via: RelayTransport }[] = [
  { codec: 'h264', via: 'udp' },
  { codec: 'vp8', via: 'udp' },
  { codec: 'vp9', via: 'udp' },
  { codec: 'h264', via: 'tcp' },
  { codec: 'vp8', via: 'tls' },
];

if (tools && interfaceAddress() !== undefined) await run();
else {
  const skip = 'needs chromium, python3-gst and a network interface';
  t.test('Chromium beside GStreamer', { skip }, () => undefined);
}

async function run(): Promise<void> {
  const bench = await SfuBehindTurn.start({
    shield: '127.0.13.7',
    turn: '127.0.13.8',
    transports: ['udp', 'tcp', 'tls'],
  });
  t.teardown(() => bench.stop());
  const { sfu } = bench;
  const url = await servePage(t, '127.0.13.9');
  const open = await launchChromium(t);
  const server: Record<RelayTransport, { endpoint: string; query: string }> = {
    udp: { endpoint: bench.endpoint('udp'), query: '' },
    tcp: { endpoint: bench.endpoint('tcp'), query: '?transport=tcp' },
    tls: { endpoint: await tlsForwarder(t, bench), query: '?transport=tcp' },
  };

  /** A camera of GStreamer enters the room. @returns what ends it. */
  const publish = async (
    t: Test,
    camera: { codec: string; via: RelayTransport; room: string; identity: string; size?: string },
  ): Promise<() => Promise<void>> => {
    const { codec, via, room, identity, size = '320x240' } = camera;
    const signaling = await SignalingClient.open(sfu.url(sfu.ticket({ identity })));
    const credentials = await signaling.next('turn-credentials');
    signaling.send('join', { roomId: room, subscribe: 'none' });
    await signaling.next('welcome');
    const user = encodeURIComponent(credentials['username'] as string);
    const password = encodeURIComponent(credentials['password'] as string);
    const uri = `turn://${user}:${password}@${server[via].endpoint}${server[via].query}`;
    const gst = spawn(PYTHON, ['daemon/test/interop/gstreamer_publisher.py', codec, uri, size], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const exited = new Promise((resolve) => gst.once('exit', resolve));
    t.teardown(async () => {
      signaling.terminate();
      gst.kill('SIGKILL');
      await exited;
    });
    const said = await lineOf(gst, (line) => line.includes('"offer"'));
    const { offer } = JSON.parse(said) as { offer: string };
    t.match(offer, /typ relay/);
    t.notMatch(offer, /typ (?:host|srflx)/);
    signaling.send('offer', { roomId: room, sdp: offer });
    const answer = await signaling.next('answer');
    gst.stdin.write(`${JSON.stringify({ answer: answer['sdp'] })}\n`);
    return async () => {
      signaling.send('leave', { roomId: room });
      await signaling.next('left');
      gst.stdin.end();
      await exited;
    };
  };

  for (const { codec, via } of ROWS) {
    t.test(`webrtcbin publishes ${codec} over ${via}`, async (t) => {
      const room = `show-${codec}-${via}`;
      const identity = `cam-${codec}-${via}`;
      await publish(t, { codec, via, room, identity });
      const viewer = await open(url);
      const ticket = sfu.ticket({ identity: `bob-${identity}`, role: 'viewer' });
      await viewer.enter({ url: sfu.url(ticket), room, via: 'udp', publish: null, picture: 'ball' });
      const [seen] = await lookUntil(bench, [viewer], ([one]) => showsPicture(one!));
      t.comment(`${seen!.viewer!.framesDecoded} frames, the ball in ${seen!.pictures} places`);
      t.match(seen, { errors: [], size: '320x240', viewer: { state: 'connected' } });
      t.same(seen!.viewer!.codecs, ['audio/opus', `video/${codec}`]);
      const sessions = await bench.sessionsOf(identity);
      t.same([...new Set(sessions.map(({ transport }) => transport))], [via]);
      t.ok(
        sessions.some(({ toPeerPackets }) => toPeerPackets > 100),
        'the media went through it',
      );
      await viewer.close();
    });
  }

  t.test('a camera with another H.264 profile and size comes after another one', async (t) => {
    const camera = { via: 'udp', room: 'replaced' } as const;
    const end = await publish(t, { ...camera, codec: 'h264', identity: 'cam-old' });
    const viewer = await open(url);
    const ticket = sfu.ticket({ identity: 'bob-replaced', role: 'viewer' });
    const entrance = { room: camera.room, via: 'udp', publish: null, picture: 'ball' } as const;
    await viewer.enter({ ...entrance, url: sfu.url(ticket) });
    const [before] = await lookUntil(bench, [viewer], ([one]) => showsPicture(one!));
    t.match(before, { errors: [], size: '320x240', viewer: { fmtp: /profile-level-id=42e0/ } });
    await end();
    await publish(t, { ...camera, codec: 'h264-main', identity: 'cam-new', size: '400x300' });
    const [after] = await lookUntil(
      bench,
      [viewer],
      ([one]) => one!.size === '400x300' && one!.shown > before!.shown + 100,
    );
    t.match(after, { errors: [], viewer: { state: 'connected', fmtp: /profile-level-id=4d00/ } });
    t.ok(after!.unread - before!.unread <= 2, `${after!.unread - before!.unread} pictures without the ball`);
    const { viewers } = await sfu.control.call('rooms.viewers', { roomId: camera.room });
    const steps = viewers.find(({ identity }) => identity === 'bob-replaced')?.timelines[0]?.steps;
    t.match(
      steps?.find(({ id }) => id === 'key-frame'),
      { done: true },
    );
    await viewer.close();
  });

  t.test('nothing came past a relay', async (t) => {
    const { drops } = await sfu.control.call('status', {});
    t.equal(drops['not-relay'] ?? 0, 0);
  });
}

/**
 * libnice speaks TURN in the clear also for `turns:`, so a GStreamer camera uses TLS through a program beside it.
 * This one verifies the certificate, as such a program must. @returns where it listens.
 */
async function tlsForwarder(t: Test, bench: SfuBehindTurn): Promise<string> {
  const { address, port } = bench.listeners.find(({ transport }) => transport === 'tls')!;
  const forwarder = createServer((plain) => {
    const secure = connect({ host: address, port, ca: bench.caPem });
    const end = (): void => {
      plain.destroy();
      secure.destroy();
    };
    for (const socket of [plain, secure]) socket.on('error', end).on('close', end);
    plain.pipe(secure).pipe(plain);
  });
  await new Promise<void>((resolve) => forwarder.listen(0, interfaceAddress(), resolve));
  t.teardown(() => void forwarder.close());
  const bound = forwarder.address();
  return `${address}:${bound === null || typeof bound === 'string' ? 0 : bound.port}`;
}
