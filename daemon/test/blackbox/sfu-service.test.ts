/** The SFU process from outside: who it lets in, what it answers on its media port, how it starts and ends. */
import { createSocket } from 'node:dgram';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { DRAINED_EXIT_CODE } from '../../contract/control.ts';
import { probePassword } from '../../credentials/probe.ts';
import { signRoomTicket } from '../../credentials/room-ticket.ts';
import { hasIntegrity, readBinding } from '../../sfu/media/stun-binding.ts';
import { SfuProcess } from '../helpers/sfu-process.ts';
import { SignalingClient } from '../helpers/sfu-signaling-client.ts';
import { bindingRequest } from '../helpers/sfu-stun.ts';
import { answerOffer, weriftPeer } from '../helpers/sfu-werift-peer.ts';

t.setTimeout(170_000);
const SHIELD = '127.0.13.2';
const RELAY = '127.0.13.30';
const STRANGER = '127.0.13.31';

async function start(t: Test, environment: NodeJS.ProcessEnv = {}): Promise<SfuProcess> {
  const sfu = await SfuProcess.start(
    SHIELD,
    (config) => ({
      ...config,
      relays: [{ address: RELAY, minPort: 1024, maxPort: 65535 }],
      limits: { ...config.limits, sessions: 3 },
    }),
    environment,
  );
  t.teardown(() => sfu.stop());
  return sfu;
}

/** Sends datagrams to the media port; resolves with the first answer, or null after all were counted. */
async function ask(sfu: SfuProcess, from: string, datagrams: Buffer[], counted: () => Promise<boolean>) {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, from, resolve));
  try {
    const got: { answer: Buffer | null } = { answer: null };
    socket.on('message', (datagram) => (got.answer = datagram));
    for (const datagram of datagrams) socket.send(datagram, sfu.config.media.minPort, SHIELD);
    const endMs = Date.now() + 20_000;
    while (got.answer === null && Date.now() < endMs && !(await counted())) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return got;
  } finally {
    socket.close();
  }
}

t.test('only tickets of this namespace open a session', async (t) => {
  const sfu = await start(t);
  const base = `ws://${SHIELD}:${sfu.config.signaling.port}`;
  const refused = (url: string, headers = {}) => SignalingClient.open(url, { headers });
  await t.rejects(refused(`${base}/session`), /HTTP 401/);
  await t.rejects(refused(sfu.url('nonsense')), /HTTP 401/);
  await t.rejects(refused(sfu.url(sfu.ticket({ namespace: 'other' }))), /HTTP 401/);
  await t.rejects(refused(sfu.url(sfu.ticket({ expiresAtMs: Date.now() - 1 }))), /HTTP 401/);
  const foreign = signRoomTicket(
    {
      ...{ namespace: 'demo', identity: 'x', name: 'x', role: 'viewer' as const },
      ...{ rooms: null, expiresAtMs: Date.now() + 60_000 },
    },
    Buffer.alloc(32, 9).toString('base64url'),
  );
  await t.rejects(refused(sfu.url(foreign)), /HTTP 401/);
  await t.rejects(refused(`${base}/other?ticket=${sfu.ticket()}`), /HTTP 404/);
  t.equal((await fetch(`http://${SHIELD}:${sfu.config.signaling.port}/`)).status, 426);

  const bearer = await SignalingClient.open(`${base}/session`, {
    headers: { authorization: `Bearer ${sfu.ticket()}` },
    envelope: true,
  });
  t.match(await bearer.next('session'), { identity: 'ada', resumed: false });
  bearer.send('ping');
  t.match(await bearer.next('pong'), { enveloped: true }, 'answered in the form of the first frame');
  bearer.sendText('x'.repeat(70_000));
  t.match(await bearer.next('error'), { code: 'frame_too_large' });
  const more = [
    await SignalingClient.open(sfu.url(sfu.ticket())),
    await SignalingClient.open(sfu.url(sfu.ticket())),
  ];
  await t.rejects(refused(sfu.url(sfu.ticket())), /HTTP 503/);
  more[0]!.sendBinary(Buffer.from('{}'));
  t.equal((await more[0]!.closed).code, 1003);
  more[1]!.sendText('x'.repeat(300_000));
  t.equal((await more[1]!.closed).code, 1009);
});

for (const datagrams of ['mmsg-addon', 'dgram'] as const) {
  t.test(`the media port by ${datagrams} answers nobody but relays that prove themselves`, async (t) => {
    await provesRelays(t, datagrams);
  });
}

async function provesRelays(t: Test, datagrams: 'mmsg-addon' | 'dgram'): Promise<void> {
  const sfu = await start(t, { TURNKEEP_DATAGRAMS: datagrams });
  t.equal((await sfu.control.call('status', {})).datagrams, datagrams);
  const drops = async (reason: string): Promise<number> =>
    (await sfu.control.call('status', {})).drops[reason] ?? 0;
  const proof = probePassword(sfu.config.signaling.ticketKey);

  const stranger = await ask(
    sfu,
    STRANGER,
    [bindingRequest('probe:1', proof), Buffer.from([22, 1, 2])],
    async () => {
      return (await drops('not-relay')) === 2;
    },
  );
  t.equal(stranger.answer, null, 'a datagram from elsewhere gets no answer, whatever it knows');
  t.equal(await drops('not-relay'), 2);

  const guess = await ask(
    sfu,
    RELAY,
    [bindingRequest('probe:1', 'guess'), bindingRequest('abcd:x', 'y')],
    async () => {
      return (await drops('stun-unknown-user')) === 1;
    },
  );
  t.equal(guess.answer, null, 'a relay without the password gets no answer');
  t.equal(await drops('stun-unauthenticated'), 1);

  const request = bindingRequest('probe:nonce', proof);
  const { answer } = await ask(sfu, RELAY, [request], () => Promise.resolve(false));
  const message = readBinding(answer!)!;
  t.equal(message.class, 'success');
  t.equal(message.transactionId, readBinding(request)!.transactionId);
  t.ok(hasIntegrity(answer!, message, proof));
}

t.test('rooms, demand, source and kicks over the control socket', async (t) => {
  const sfu = await start(t);
  const client = await SignalingClient.open(sfu.url(sfu.ticket()));
  client.send('join', { roomId: 'camera:7' });
  await client.next('welcome');
  t.same(await sfu.control.call('demand.list', {}), { rooms: [{ roomId: 'camera:7', subscribers: 1 }] });
  await sfu.control.call('source.state', {
    roomId: 'camera:7',
    lost: true,
    message: 'The camera is offline.',
  });
  t.match(await client.next('source-lost'), { roomId: 'camera:7', message: 'The camera is offline.' });
  await sfu.control.call('source.state', { roomId: 'camera:7', lost: false });
  await client.next('source-back');
  t.match((await sfu.control.call('rooms.list', {})).rooms, [
    { roomId: 'camera:7', participants: [{ identity: 'ada', connected: true }] },
  ]);
  await t.rejects(sfu.control.call('rooms.close', { roomId: 'none' }), { code: 'room_not_found' });
  await t.rejects(sfu.control.call('rooms.get', { roomId: 'none' }), { code: 'room_not_found' });
  t.match(await sfu.control.call('rooms.create', { roomId: 'made' }), {
    settings: { emptyTimeoutSeconds: 300, maxParticipants: null },
    participants: [],
  });
  await sfu.event('room', ({ roomId, state }) => roomId === 'made' && state === 'opened');
  await t.rejects(sfu.control.call('rooms.create', { roomId: 'made' }), { code: 'room_exists' });
  await sfu.control.call('rooms.close', { roomId: 'made' });
  await sfu.event('room', ({ roomId, state }) => roomId === 'made' && state === 'closed');
  await t.rejects(sfu.control.call('ingest.answer', { ingestId: 'none', sdp: 'v=0' }), { code: 'not_found' });
  await sfu.control.call('ingest.close', { ingestId: 'none' });
  await sfu.control.call('rooms.close', { roomId: 'camera:7' });
  t.match(await client.next('kicked'), { roomId: 'camera:7' });
  await sfu.event('demand', (data) => data['subscribers'] === 0);
  t.same(await sfu.control.call('sessions.kick', { identity: 'ada', reason: 'Gone.' }), { ended: 1 });
  t.equal((await client.closed).code, 1008);

  const { sdp } = await sfu.control.call('ingest.open', { ingestId: 'i', roomId: 'r', identity: 'cam' });
  t.match(sdp, /a=candidate:1 1 udp \d+ 127\.0\.13\.2 \d+ typ host/);
  for (const codec of ['H264', 'AV1', 'VP8', 'VP9']) t.match(sdp, new RegExp(`a=rtpmap:\\d+ ${codec}/90000`));
  await t.rejects(sfu.control.call('ingest.open', { ingestId: 'i', roomId: 'r', identity: 'cam' }), {
    code: 'conflict',
  });
  await t.rejects(sfu.control.call('ingest.answer', { ingestId: 'i', sdp: 'nonsense' }), {
    code: 'negotiation_failed',
  });
  const peer = weriftPeer(STRANGER);
  const answer = (await answerOffer(peer, sdp)).replace(/typ relay/g, 'typ host');
  t.teardown(() => peer.close());
  await t.rejects(sfu.control.call('ingest.answer', { ingestId: 'i', sdp: answer }), {
    code: 'codec_not_supported',
  });
  await sfu.control.call('ingest.close', { ingestId: 'i' });
  t.same(await sfu.control.call('ingest.list', {}), { ingests: [] });
});

t.test('sessions outlive the gateway, and the daemon’s control connection is not needed', async (t) => {
  const sfu = await start(t);
  const client = await SignalingClient.open(sfu.url(sfu.ticket()));
  const session = await client.next('session');
  client.send('join', { roomId: 'r' });
  await client.next('welcome');
  sfu.control.close();
  client.terminate();
  await client.closed;
  const again = await SignalingClient.open(sfu.url(sfu.ticket()));
  again.send('resume', { resumeToken: session['resumeToken'] });
  t.match(await again.next('session', (frame) => frame['resumed'] === true), {
    sessionId: session['sessionId'],
  });
  t.match(await again.next('welcome'), { roomId: 'r' });
  await sfu.connect();
  t.equal((await sfu.control.call('status', {})).sessions, 1);
});

t.test('reload takes what it can and refuses the rest', async (t) => {
  const sfu = await start(t);
  const client = await SignalingClient.open(sfu.url(sfu.ticket()));
  sfu.writeConfig({ ...sfu.config, relays: [], limits: { ...sfu.config.limits, sessions: 1 } });
  await sfu.control.call('reload', {});
  await t.rejects(SignalingClient.open(sfu.url(sfu.ticket())), /HTTP 503/);
  sfu.writeConfig({ ...sfu.config, media: { minPort: 1, maxPort: 1 } });
  await t.rejects(sfu.control.call('reload', {}), { code: 'invalid_request', message: /"media"/ });
  writeFileSync(sfu.configPath, '{');
  await t.rejects(sfu.control.call('reload', {}), { code: 'invalid_request' });
  client.send('ping');
  await client.next('pong');
});

t.test('a drain tells everybody, lets nobody in, and ends when the last has left', async (t) => {
  const sfu = await start(t);
  const client = await SignalingClient.open(sfu.url(sfu.ticket()));
  client.send('join', { roomId: 'r' });
  await client.next('welcome');
  await sfu.control.call('drain', { deadlineMs: 60_000 });
  t.match(await client.next('server-draining'), { alternatives: [] });
  await t.rejects(SignalingClient.open(sfu.url(sfu.ticket())), /HTTP 503/);
  client.send('join', { roomId: 'r2' });
  t.match(await client.next('error'), { code: 'shutting_down' });
  client.close();
  t.equal(await sfu.exited(), DRAINED_EXIT_CODE);
  t.notOk(existsSync(sfu.config.controlSocket), 'the control socket is gone');
});

t.test('a start that fails says why in one sentence, ends with 1 and leaves nothing', async (t) => {
  const sfu = await start(t);
  const run = (path: string) => {
    const result = spawnSync(process.execPath, ['daemon/sfu-service.ts', '--config', path], {
      timeout: 60_000,
    });
    return { code: result.status, said: result.stdout.toString() + result.stderr.toString() };
  };
  const second = `${sfu.configPath}.second`;
  const write = (change: object): void => {
    writeFileSync(second, JSON.stringify({ ...sfu.config, controlSocket: `${second}.sock`, ...change }));
  };
  write({});
  let result = run(second);
  t.equal(result.code, 1);
  t.match(result.said, /The media port udp 127\.0\.13\.2:\d+ cannot be opened: another program has it\./);
  const free = sfu.config.media.minPort === 65535 ? 1 : sfu.config.media.minPort + 1;
  write({ media: { minPort: free, maxPort: free } });
  result = run(second);
  t.equal(result.code, 1);
  t.match(result.said, /The signaling port tcp 127\.0\.13\.2:\d+ cannot be opened: another program has it\./);
  t.notOk(existsSync(`${second}.sock`));
  write({ turn: { uris: [], secret: 'short', ttlSeconds: 600 }, surprise: true });
  result = run(second);
  t.equal(result.code, 1);
  t.match(result.said, /turn\.uris.*turn\.secret.*surprise/);
  t.notMatch(result.said, /short/, 'no secret is printed');
});
