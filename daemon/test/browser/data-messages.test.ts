/**
 * Data messages between Chromium pages of another origin, by the client library and through relays only: two in a room
 * hear each other, a third in another room hears nothing, and what is too large is refused by both ends with the limit.
 */
import { chromium, type Page } from 'playwright-core';
import t from 'tap';
import { Appliance } from '../helpers/appliance.ts';
import { ARGUMENTS, browserMissing, CHROMIUM, instrument, paths } from './browser.ts';
import { otherSite } from './other-site.ts';

t.setTimeout(200_000);
const BOX = '127.0.63.50';
const PAGE = `<!doctype html><title>data</title>
<script type="module">
  import { connect } from 'SERVER/client/turnkeep.js';
  const client = connect({ ticket: async () => (await fetch('/ticket')).text() });
  const errors = [];
  const heard = [];
  client.on('error', ({ code, message }) => errors.push(code + ': ' + message));
  const room = client.join('ROOM');
  room.on('data', ({ topic, data, participantId }) => heard.push({
    topic, participantId, data: typeof data === 'string' ? data : [...data].join(),
  }));
  globalThis.page = { client, room, errors, heard };
</script>`;

type Heard = { topic: string; participantId: string; data: string };
type InPage = {
  page: {
    room: {
      participantId: string;
      sendData: (data: string | Uint8Array, options?: object) => Promise<void>;
    };
    errors: string[];
    heard: Heard[];
  };
};

t.test('data messages', { skip: browserMissing() ?? false }, async (t) => {
  t.setTimeout(200_000);
  const appliance = await Appliance.start(t, BOX);
  const operation = await appliance.enableNamespace('demo');
  t.equal(operation.state, 'succeeded', JSON.stringify(operation.error));
  const { key } = await appliance.api.post<{ key: string }>('/v1/namespaces/demo/api-keys', {
    name: 'other site',
    role: 'operator',
  });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  t.teardown(() => browser.close());

  const open = async (room: string, address: string, role: string): Promise<Page> => {
    const ticket = { namespace: 'demo', role, rooms: [room] };
    const page = PAGE.replaceAll('SERVER', appliance.url).replace('ROOM', room);
    const site = await otherSite(t, { address, server: appliance.url, apiKey: key, ticket, page });
    const tab = await (await browser.newContext()).newPage();
    await instrument(tab);
    await tab.goto(site.url);
    await tab.waitForFunction(() => 'page' in globalThis);
    return tab;
  };
  const look = (tab: Page): Promise<{ heard: Heard[]; errors: string[]; id: string }> =>
    tab.evaluate(() => {
      const { heard, errors, room } = (globalThis as unknown as InPage).page;
      return { heard, errors, id: room.participantId };
    });
  const say = (tab: Page, data: string, options: object = {}): Promise<string> =>
    tab.evaluate(
      async ([data, options]) => {
        const { room } = (globalThis as unknown as InPage).page;
        return await room.sendData(data, options).then(
          () => 'sent',
          (error: unknown) => String(error),
        );
      },
      [data, options] as const,
    );
  const until = async (what: string, enough: () => Promise<boolean>): Promise<void> => {
    await appliance.until(what, enough, 60_000);
  };

  const ada = await open('lobby', '127.0.63.51', 'publisher');
  const bob = await open('lobby', '127.0.63.52', 'publisher');
  const eve = await open('elsewhere', '127.0.63.53', 'publisher');
  const hears = async (tab: Page, data: string): Promise<boolean> =>
    (await look(tab)).heard.some((one) => one.data === data);

  // Before everybody's channels are open nobody may be there to hear.
  await until(
    'Bob hears Ada',
    async () => (await say(ada, 'hello', { topic: 'chat' })) === 'sent' && hears(bob, 'hello'),
  );
  await until('Ada hears Bob', async () => (await say(bob, 'good day')) === 'sent' && hears(ada, 'good day'));
  await until('Eve has channels', async () => (await say(eve, 'anybody?')) === 'sent');
  await ada.evaluate(() =>
    (globalThis as unknown as InPage).page.room.sendData(new Uint8Array([1, 2, 255]), { topic: 'bytes' }),
  );
  await until('Bob hears bytes', () => hears(bob, '1,2,255'));
  await until('a message that may be lost', async () => {
    await say(ada, 'here', { topic: 'pointer', reliable: false });
    return hears(bob, 'here');
  });

  await t.test('16 KiB pass, a byte more is refused with the limit', async (t) => {
    t.equal(await say(ada, 'x'.repeat(16_384)), 'sent');
    await until('Bob hears 16 KiB', () => hears(bob, 'x'.repeat(16_384)));
    t.match(await say(ada, 'x'.repeat(16_385)), /RangeError: A data message may have 16384 bytes/);
  });

  const [seenByAda, seenByBob, seenByEve] = await Promise.all([ada, bob, eve].map(look));
  t.match(seenByBob!.heard[0], { topic: 'chat', data: 'hello', participantId: seenByAda!.id });
  t.same(seenByEve!.heard, [], 'the other room hears nothing');
  t.same([seenByAda!.errors, seenByBob!.errors, seenByEve!.errors], [[], [], []]);
  for (const tab of [ada, bob]) {
    const all = await paths(tab);
    t.ok(all.length > 0);
    for (const path of all) t.equal(path.localType, 'relay', 'over a relay');
  }
});
