/** Data channels through a real SFU process: who gets a message, what is refused, and that nothing is kept for the slow. */
import t, { type Test } from 'tap';
import { DataPeer, say } from '../helpers/sfu-data-peer.ts';
import { SfuProcess } from '../helpers/sfu-process.ts';
import { relayOf } from '../helpers/sfu-werift-peer.ts';

t.setTimeout(170_000);
const SHIELD = '127.0.63.1';
const CLIENTS = '127.0.63.20';

const sfu = await SfuProcess.start(SHIELD, (config) => ({
  ...config,
  relays: [relayOf(CLIENTS)],
  rooms: { ...config.rooms, data: { ...config.rooms.data, messagesPerSecond: 40, channels: 2 } },
}));
t.teardown(() => sfu.stop());

async function join(t: Test, rooms: string[], ticket: Parameters<SfuProcess['ticket']>[0] = {}) {
  const peer = await DataPeer.join(sfu, CLIENTS, rooms, ticket);
  t.teardown(() => peer.close());
  peer.signaling.send('open-data', { requestId: 'data' });
  return peer;
}

t.test('a message goes to the others in the room that it names, with its true sender', async (t) => {
  const ada = await join(t, ['lobby', 'attic'], { identity: 'ada' });
  const bob = await join(t, ['lobby'], { identity: 'bob' });
  const eve = await join(t, ['elsewhere'], { identity: 'eve' });
  t.match(await ada.signaling.next('data-open'), { requestId: 'data', maxMessageBytes: 16_384, channels: 2 });
  const [fromAda, fromBob] = await Promise.all([ada.open('chat'), bob.open('chat'), eve.open('chat')]);

  say(fromAda, 'hello', 'lobby', 'greetings');
  say(fromBob, 'good day');
  say(fromAda, 'x'.repeat(16_384), 'lobby');
  await bob.until('two of Ada', () => bob.heard.length === 2);
  await ada.until('one of Bob', () => ada.heard.length === 1);
  const lobby = { kind: 'text', roomId: 'lobby' };
  t.match(bob.heard[0], { ...lobby, topic: 'greetings', text: 'hello' });
  t.not(bob.heard[0]!.participantId, 'somebody-else', 'the sender is who the SFU knows it to be');
  t.equal(bob.heard[1]!.text.length, 16_384, 'a message of several chunks comes whole');
  t.match(ada.heard, [{ ...lobby, participantId: bob.participantId, text: 'good day' }]);
  t.same(eve.heard, [], 'another room hears nothing');

  await t.test('in two rooms, one has to be named', async (t) => {
    say(fromAda, 'to whom?');
    t.match(await ada.signaling.next('error'), { code: 'invalid_request', message: /name the one/ });
  });
});

t.test('too large, malformed, too many and not allowed are refused with a sentence', async (t) => {
  const ada = await join(t, ['limits'], { identity: 'ada' });
  const bob = await join(t, ['limits'], { identity: 'bob', role: 'viewer' });
  const [fromAda, fromBob] = await Promise.all([ada.open('a'), bob.open('b')]);
  const before = await sfu.control.call('status', {});

  say(fromAda, 'x'.repeat(16_385));
  const large = await ada.signaling.next('error');
  t.match(large, { code: 'payload_too_large', message: /may have 16384 bytes; this one has 16385/ });

  say(fromBob, 'let me speak');
  t.match(await bob.signaling.next('error'), { code: 'forbidden', message: /may not send data/ });

  say(fromAda, 'x');
  await bob.until('what a viewer may hear', () => bob.heard.length > 0);
  t.match(bob.heard, [{ text: 'x', participantId: ada.participantId }], 'whatever its label');

  await new Promise((resolve) => setTimeout(resolve, 1100)); // Refusals are told once a second.
  fromAda.send('plain text');
  t.match(await ada.signaling.next('error'), { code: 'invalid_request', message: /binary/ });
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await ada.open('b');
  ada.peer.createDataChannel('c');
  t.match(await ada.signaling.next('error'), { code: 'channel_limit', message: /can have 2 data channels/ });

  const after = await sfu.control.call('status', {});
  t.equal(after.data!.channels, 3);
  t.equal(after.data!.received - before.data!.received, 1);
  t.equal(after.data!.sent - before.data!.sent, 1);
  t.match(after.drops, { 'data-too-large': 1, 'data-refused': Number, 'data-malformed': 1 });
});

t.test('a flood is cut at the limit; its sender is told, the others go on', async (t) => {
  const ada = await join(t, ['flood'], { identity: 'ada' });
  const bob = await join(t, ['flood'], { identity: 'bob' });
  const [fromAda, fromBob] = await Promise.all([ada.open('a'), bob.open('a')]);
  for (let number = 0; number < 300; number += 1) say(fromAda, String(number));
  const told = await ada.signaling.next('error');
  t.match(told, { code: 'rate_limited', message: /40 data messages and 262144 bytes a second/ });
  say(fromBob, 'still here');
  await ada.until('Bob', () => ada.heard.some(({ text }) => text === 'still here'));
  // Bob's own message may overtake what was on its way to him.
  await bob.until('the burst', () => bob.heard.length >= 80);
  t.ok(bob.heard.length < 300, `${bob.heard.length} came`);
  t.ok(((await sfu.control.call('status', {})).drops['data-rate'] ?? 0) > 0);
});

t.test('a receiver that does not read loses its channel and delays nobody', async (t) => {
  const ada = await join(t, ['slow'], { identity: 'ada' });
  const bob = await join(t, ['slow'], { identity: 'bob' });
  const deaf = await join(t, ['slow'], { identity: 'deaf' });
  const [fromAda] = await Promise.all([ada.open('a'), bob.open('a'), deaf.open('a')]);
  // It takes nothing any more: no SACK leaves it.
  (deaf.peer.sctpTransport!.sctp as unknown as { handleData: () => Promise<void> }).handleData = () =>
    Promise.resolve();
  const ended = deaf.signaling.next('error');
  const over = { now: false };
  const stop = (): void => {
    over.now = true;
  };
  ended.then(stop, stop);
  // As fast as Bob reads: how fast that is, is the machine's business.
  for (let number = 1; !over.now && number < 100; number += 1) {
    say(fromAda, 'y'.repeat(12_000) + String(number));
    await bob.until(`message ${number}`, () => bob.heard.length === number);
    await new Promise((resolve) => setTimeout(resolve, 50)); // Below the limit of bytes a second.
  }
  const told = await ended;
  t.match(told, { code: 'unavailable', message: /"a" was closed: more than 262144 bytes waited for you/ });
  t.ok(bob.heard.length > 20);
  t.ok(((await sfu.control.call('status', {})).drops['data-queue-full'] ?? 0) > 0);
});

t.test('without the right to watch or to send there are no channels', async (t) => {
  const mute = await DataPeer.join(sfu, CLIENTS, ['mute'], { identity: 'm', may: ['publish'] });
  t.teardown(() => mute.close());
  mute.signaling.send('open-data', { requestId: 'r' });
  t.match(await mute.signaling.next('error'), { code: 'forbidden', requestId: 'r' });
});

t.test('unordered channels and those that may lose get the messages too', async (t) => {
  const ada = await join(t, ['lossy'], { identity: 'ada' });
  const bob = await join(t, ['lossy'], { identity: 'bob' });
  const lossy = { ordered: false, maxRetransmits: 0 };
  const [fromAda] = await Promise.all([ada.open('pointer', lossy), bob.open('pointer', lossy)]);
  for (let number = 0; number < 20; number += 1) say(fromAda, String(number));
  await bob.until('all of them, on a path without loss', () => bob.heard.length === 20);
  t.same(new Set(bob.heard.map(({ text }) => text)).size, 20);
});
