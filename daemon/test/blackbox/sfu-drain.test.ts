/** Two SFU processes: one is about to stop and names the other, where its clients go on. */
import t from 'tap';
import { DRAINED_EXIT_CODE } from '../../contract/control.ts';
import { sfuServiceConfigSchema } from '../../contract/sfu-config.ts';
import { SfuProcess } from '../helpers/sfu-process.ts';
import { SignalingClient } from '../helpers/sfu-signaling-client.ts';

t.setTimeout(120_000);
const SECRET = Buffer.alloc(32, 9).toString('base64url');

const other = await SfuProcess.start('127.0.73.2', (config) => ({
  ...config,
  signaling: { ...config.signaling, ticketKey: SECRET },
}));
t.teardown(() => other.stop());
const OTHER = `ws://${other.config.shield}:${other.config.signaling.port}/session`;

for (const workers of [1, 2]) {
  t.test(`clients of an SFU that stops are told where to go, ${workers} of workers`, async (t) => {
    const one = await SfuProcess.start('127.0.73.1', (config) => ({
      ...config,
      media: { minPort: 23_100, maxPort: 23_109 },
      workers,
    }));
    t.teardown(() => one.stop());
    const client = await SignalingClient.open(one.url(one.ticket()), { envelope: workers === 2 });
    client.send('join', { roomId: 'room' });
    await client.next('welcome');
    // Named while it runs: nothing restarts.
    one.writeConfig({ ...one.config, alternatives: [OTHER] });
    await one.control.call('reload', {});
    await one.control.call('drain', { deadlineMs: 60_000 });
    const draining = await client.next('server-draining');
    t.match(draining, { retryAfterMs: 1000, alternatives: [OTHER] });
    client.send('join', { roomId: 'another', requestId: 'late' });
    t.match(await client.next('error'), { code: 'shutting_down', requestId: 'late' });
    await t.rejects(SignalingClient.open(one.url(one.ticket())), /HTTP 503/, 'nobody comes in any more');

    const [address] = draining['alternatives'] as [string];
    const moved = await SignalingClient.open(`${address}?ticket=${other.ticket()}`);
    moved.send('join', { roomId: 'room' });
    t.match(await moved.next('welcome'), { roomId: 'room' });
    await t.rejects(
      SignalingClient.open(`${address}?ticket=${one.ticket()}`),
      /HTTP 401/,
      'with a ticket of the other server only',
    );
    moved.close();
    client.close();
    t.equal(await one.exited(), DRAINED_EXIT_CODE, 'the last one has gone');
  });
}

t.test('an alternative is a signaling address, and there are not many', (t) => {
  const { config } = other;
  const taken = (alternatives: string[]): boolean =>
    sfuServiceConfigSchema.safeParse({ ...config, alternatives }).success;
  t.ok(taken(['wss://other.example.com/v1/webrtc/signal']));
  for (const wrong of [
    'https://other.example.com/v1/webrtc/signal',
    'wss://other.example.com',
    'wss://ada:secret@other.example.com/v1/webrtc/signal',
    'wss://other.example.com/v1/webrtc/signal?api_key=tk_1',
    'other',
  ]) {
    t.notOk(taken([wrong]), wrong);
  }
  t.notOk(taken(Array.from({ length: 9 }, (_, at) => `wss://n${at}.example.com/v1/webrtc/signal`)));
  t.end();
});
