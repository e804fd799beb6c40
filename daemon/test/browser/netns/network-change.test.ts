/**
 * A viewer and a publisher change their network while the picture runs: a NAT gives the viewer's sockets other
 * addresses, which ends its relay (RFC 8656 knows a client by its five-tuple); the publisher's TCP connections die; the
 * server asks for new relays by itself. Each side restarts ICE and the picture goes on, on a line that delays and
 * reorders what it carries. Judged by pictures that are shown.
 */
import { existsSync } from 'node:fs';
import t from 'tap';
import { interfaceAddress, SfuBehindTurn, type RelayTransport } from '../../helpers/sfu-behind-turn.ts';
import { NatPath } from '../../testbed/nat-path.ts';
import { CHROMIUM } from '../browser.ts';
import { launchChromium, lookUntil, servePage, showsPicture, type Tab } from '../room-tabs.ts';

t.setTimeout(280_000);
const ROOM = 'moving';
const UNSTEADY_LINE = { delayMs: 5, jitterMs: 25, loss: 0, reorders: true };
/** More than was under way when the network changed. */
const GOES_ON = 40;

const address = interfaceAddress();
if (existsSync(CHROMIUM) && address !== undefined) await run(address);
else t.test('a change of network', { skip: 'needs chromium and a network interface' }, () => undefined);

async function run(address: string): Promise<void> {
  const paths: Record<string, NatPath> = {};
  const uriOf = (via: RelayTransport): string => {
    const { address, port } = paths[via]!.address;
    return `turn:${address}:${port}?transport=${via}`;
  };
  const bench = await SfuBehindTurn.start({
    shield: '127.0.64.17',
    turn: '127.0.64.18',
    transports: ['udp', 'tcp'],
    detours: async (listeners) => {
      for (const server of listeners) {
        paths[server.transport] = await NatPath.open(t, { address, server, seed: 64 });
      }
      return [uriOf('udp'), uriOf('tcp')];
    },
  });
  t.teardown(() => bench.stop());
  const url = await servePage(t, '127.0.64.11');
  const open = await launchChromium(t);
  const enter = async (identity: string, publish: string | null, via: RelayTransport): Promise<Tab> => {
    const tab = await open(url);
    const ticket = bench.sfu.ticket({ identity, role: publish === null ? 'viewer' : 'publisher' });
    await tab.enter({
      ...{ url: bench.sfu.url(ticket), room: ROOM, via, relay: uriOf(via), publish },
      ...{ picture: 'numbers', recovers: true },
    });
    return tab;
  };
  paths['udp']!.line = UNSTEADY_LINE;
  const publisher = await enter('ada', 'video/VP8', 'tcp');
  const viewer = await enter('bob', null, 'udp');
  const clientsOf = async (subject: string): Promise<string[]> =>
    (await bench.sessionsOf(subject)).map(({ client }) => client);

  t.test('the picture runs over a line that reorders', async (t) => {
    const [seen] = await lookUntil(bench, [viewer, publisher], ([one]) => showsPicture(one!));
    t.same(seen!.errors, []);
  });

  for (const [name, subject, change] of [
    ['the viewer’s NAT gives its sockets other ports', 'bob', () => paths['udp']!.move({ rebinds: true })],
    ['the viewer’s sockets are dead', 'bob', () => paths['udp']!.move({ rebinds: false })],
    ['the publisher’s TCP connections die', 'ada', () => paths['tcp']!.move({ rebinds: false })],
    ['the server restarts ICE', 'bob', () => bench.sfu.control.call('relays.restarted', {})],
  ] as const) {
    t.test(name, async (t) => {
      const before = await clientsOf(subject);
      const [from] = await lookUntil(bench, [viewer], () => true);
      await change();
      const [to] = await lookUntil(
        bench,
        [viewer, publisher],
        ([one]) => one!.shown >= from!.shown + GOES_ON,
      );
      t.same(to!.errors, []);
      t.same((await publisher.look()).errors, []);
      const after = await clientsOf(subject);
      t.ok(
        after.some((client) => !before.includes(client)),
        'from another address, by a relay of its own',
      );
    });
  }

  t.test('nothing came past a relay', async (t) => {
    const { drops } = await bench.sfu.control.call('status', {});
    t.equal(drops['not-relay'] ?? 0, 0);
  });
}
