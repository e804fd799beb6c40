/**
 * Chromium watches what GStreamer publishes, and publishes itself, relay-only through the real TURN service.
 * Decoded frames are counted and pixels are looked at.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import t from 'tap';
import { interfaceAddress, lineOf, SfuBehindTurn } from '../../helpers/sfu-behind-turn.ts';
import { SignalingClient } from '../../helpers/sfu-signaling-client.ts';

t.setTimeout(280_000);
const PYTHON = '/usr/bin/python3';
const CHROMIUM = '/usr/bin/chromium';
const tools = [PYTHON, CHROMIUM, '/usr/lib/python3/dist-packages/gi'].every((path) => existsSync(path));
/** Runs in the page: joins a room, answers offers, may publish. Reports by `window.seen`. */
const CLIENT = `
window.seen = { frames: 0, colours: 0, tracks: [], errors: [], state: '' };
window.run = (url, room, publish) => {
  const socket = new WebSocket(url);
  const send = (type, data) => socket.send(JSON.stringify({ type, ...data }));
  socket.onerror = () => seen.errors.push('the socket failed');
  let config, viewer, tail = Promise.resolve();
  socket.onmessage = ({ data }) => { tail = tail.then(() => take(JSON.parse(data))).catch((e) => seen.errors.push(String(e))); };
  async function take(frame) {
    if (frame.type === 'turn-credentials') {
      config = { iceServers: frame.iceServers, iceTransportPolicy: 'relay', bundlePolicy: 'max-bundle' };
      send('join', { roomId: room });
    }
    if (frame.type === 'error') seen.errors.push(frame.code + ': ' + frame.message);
    if (frame.type === 'welcome' && publish) await start();
    if (frame.type === 'answer') await window.publisher.setRemoteDescription({ type: 'answer', sdp: frame.sdp });
    if (frame.type === 'offer') {
      viewer ??= open();
      await viewer.setRemoteDescription({ type: 'offer', sdp: frame.sdp });
      await viewer.setLocalDescription();
      send('answer', { sdp: viewer.localDescription.sdp });
    }
  }
  function open() {
    const peer = window.viewer = new RTCPeerConnection(config);
    peer.onicecandidate = ({ candidate }) => send('ice-candidate', { candidate });
    peer.onconnectionstatechange = () => { seen.state = peer.connectionState; };
    peer.ontrack = ({ track }) => {
      seen.tracks.push(track.kind);
      if (track.kind !== 'video') return;
      const video = document.createElement('video');
      video.muted = true; video.autoplay = true; video.srcObject = new MediaStream([track]);
      document.body.append(video);
      const look = () => {
        seen.frames += 1;
        const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
        const context = canvas.getContext('2d');
        context.drawImage(video, 0, 0, 64, 48);
        seen.colours = new Set(new Uint32Array(context.getImageData(0, 0, 64, 48).data.buffer)).size;
        video.requestVideoFrameCallback(look);
      };
      video.requestVideoFrameCallback(look);
    };
    return peer;
  }
  async function start() {
    const peer = window.publisher = new RTCPeerConnection(config);
    peer.onicecandidate = ({ candidate }) => send('ice-candidate', { connection: 'publish', candidate });
    const media = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
    for (const track of media.getTracks()) peer.addTrack(track, media);
    const transceiver = peer.getTransceivers().find((one) => one.sender.track.kind === 'video');
    const codecs = RTCRtpSender.getCapabilities('video').codecs;
    transceiver.setCodecPreferences(codecs.filter((one) => [publish, 'video/rtx'].includes(one.mimeType)));
    await peer.setLocalDescription();
    send('offer', { roomId: room, sdp: peer.localDescription.sdp });
  }
};`;

if (tools && interfaceAddress() !== undefined) await run();
else {
  const skip = 'needs chromium, python3-gst and a network interface';
  t.test('Chromium beside GStreamer', { skip }, () => undefined);
}

async function run(): Promise<void> {
  const bench = await SfuBehindTurn.start({ shield: '127.0.13.7', turn: '127.0.13.8' });
  const { sfu } = bench;
  t.teardown(() => bench.stop());
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox',
      // The page comes from nowhere; its socket goes to loopback.
      '--disable-features=LocalNetworkAccessChecks',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
    ],
  });
  t.teardown(() => browser.close());

  async function page(url: string, room: string, publish: string | null) {
    const context = await browser.newContext({ permissions: ['camera', 'microphone'] });
    const one = await context.newPage();
    // getUserMedia wants a secure context, which localhost is; nothing is fetched.
    await one.route('http://localhost/*', (route) =>
      route.fulfill({ contentType: 'text/html', body: '<body>' }),
    );
    await one.goto('http://localhost/');
    await one.evaluate(CLIENT);
    await one.evaluate(`run(${JSON.stringify(url)}, ${JSON.stringify(room)}, ${JSON.stringify(publish)})`);
    const picture = async (frames: number): Promise<void> => {
      try {
        await one.waitForFunction(`seen.frames >= ${frames} && seen.colours > 3`, undefined, {
          timeout: 40_000,
        });
      } catch (error) {
        const drops = (await sfu.control.call('status', {})).drops;
        throw new Error(
          `${JSON.stringify(await one.evaluate('seen'))} ${JSON.stringify(drops)} ${sfu.output}`,
          {
            cause: error,
          },
        );
      }
    };
    return { page: one, picture, close: () => context.close() };
  }

  for (const codec of ['h264', 'vp8', 'vp9']) {
    t.test(`Chromium shows what webrtcbin publishes as ${codec}`, async (t) => {
      const room = `show-${codec}`;
      const publisher = await SignalingClient.open(sfu.url(sfu.ticket({ identity: 'cam' })));
      const credentials = await publisher.next('turn-credentials');
      publisher.send('join', { roomId: room, subscribe: 'none' });
      await publisher.next('welcome');
      const user = encodeURIComponent(credentials['username'] as string);
      const password = encodeURIComponent(credentials['password'] as string);
      const uri = `turn://${user}:${password}@${bench.turnEndpoint}`;
      const gst = spawn(PYTHON, ['daemon/test/interop/gstreamer_publisher.py', codec, uri], {
        stdio: ['pipe', 'pipe', 'ignore'],
      });
      t.teardown(async () => {
        publisher.terminate();
        const ended = new Promise((resolve) => gst.once('exit', resolve));
        gst.kill('SIGKILL');
        await ended;
      });
      const { offer } = JSON.parse(await lineOf(gst, (line) => line.includes('"offer"'))) as {
        offer: string;
      };
      publisher.send('offer', { roomId: room, sdp: offer });
      const answer = await publisher.next('answer');
      gst.stdin.write(`${JSON.stringify({ answer: answer['sdp'] })}\n`);
      const viewer = await page(sfu.url(sfu.ticket({ identity: 'bob', role: 'viewer' })), room, null);
      await viewer.picture(60);
      t.match(await viewer.page.evaluate('seen'), { errors: [], state: 'connected' });
      await viewer.close();
    });
  }

  for (const mimeType of ['video/VP8', 'video/H264', 'video/VP9', 'video/AV1']) {
    t.test(`Chromium publishes ${mimeType} and another one shows it`, async (t) => {
      const room = `talk-${mimeType.slice(6)}`;
      const publisher = await page(sfu.url(sfu.ticket({ identity: 'ada' })), room, mimeType);
      const viewer = await page(sfu.url(sfu.ticket({ identity: 'bob', role: 'viewer' })), room, null);
      await viewer.picture(40);
      const seen = await viewer.page.evaluate<{ tracks: string[]; errors: string[] }>('seen');
      t.same(seen.tracks.sort(), ['audio', 'video']);
      t.same(seen.errors, []);
      t.same((await publisher.page.evaluate<{ errors: string[] }>('seen')).errors, []);
      await publisher.close();
      await viewer.close();
    });
  }
}
