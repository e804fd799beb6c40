/**
 * npm's node-turn 0.0.6 as the negative fixture: rows that our service passes and it must fail, each for the
 * fault named here. A row that it passes proves nothing, and this test says so.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { installPeerPackage, NODE_TURN } from '../../../scripts/peer-package.ts';
import { BEHAVIOURS, faultOf, type Subject } from '../helpers/turn-behaviours.ts';
import { freePort } from '../helpers/turn-client.ts';

t.setTimeout(240_000);

const ADDRESS = '127.0.37.30';

/** Row -> the fault of node-turn it catches. The one that ends the process stands last. */
const CAUGHT = new Map([
  ['420 lists the required attributes it does not know', 'drops such messages in silence'],
  ['attributes it need not know are ignored', 'drops such messages in silence, Chrome sends one'],
  [
    '401 for a wrong password and for names every object has',
    'looks users up in a plain object: anybody is `constructor`',
  ],
  ['400 when USERNAME, REALM or NONCE is missing beside MESSAGE-INTEGRITY', 'does not look for them all'],
  ['SHA-256 where it was negotiated, 400 where somebody talked it down', 'knows nothing of RFC 8489'],
  ['families: 440 for one it has no relay for, 400 for contradictions', 'knows no address families'],
  ['a dual allocation names why the second family is missing', 'knows no address families'],
  ['EVEN-PORT and RESERVATION-TOKEN give the pair', 'cannot read EVEN-PORT'],
  ['LIFETIME is at least ten minutes and at most an hour', 'ignores LIFETIME'],
  ['486 when a user holds all he may', 'has no quota'],
  ['Refresh keeps the allocation and its retransmission gets the same answer', 'Refresh ends the allocation'],
  ['CreatePermission takes all its peers or none', 'permits every address'],
  ['ChannelBind binds one number to one peer', 'binds any number'],
  ['answers to authenticated requests are signed, refusals too', 'does not sign the answer to ChannelBind'],
  ['ChannelData reaches the peer, of every length', 'does not relay ChannelData of clients'],
  ['what a peer sends comes through whatever it looks like', 'takes data of peers for ChannelData'],
  ['empty datagrams and single bytes from a peer hurt nobody', 'ends at a datagram of one byte'],
]);

const installed = installPeerPackage(NODE_TURN);
if ('missing' in installed && process.env['CI'] === 'true') t.fail(installed.missing);
else {
  void t.test('node-turn', 'missing' in installed ? { skip: installed.missing } : {}, async (t) => {
    const { folder } = installed as { folder: string };
    const port = await freePort(ADDRESS);
    const names = Array.from({ length: 200 }, (_, at) => `user-${at}`);
    const options = {
      ...{ authMech: 'long-term', realm: 'turnkeep.test', debugLevel: 'OFF' },
      credentials: Object.fromEntries(names.map((name) => [name, 'secret'])),
      ...{
        listeningIps: [ADDRESS],
        listeningPort: port,
        relayIps: [ADDRESS],
        minPort: 55_000,
        maxPort: 55_999,
      },
    };
    const program = join(import.meta.dirname, '../../../scripts/bench/node-turn-server.ts');
    const child = spawn(process.execPath, [program, folder, JSON.stringify(options)], { stdio: 'ignore' });
    const exited = new Promise<number | null>((resolve) => child.on('close', resolve));
    t.teardown(async () => {
      child.kill('SIGKILL');
      await exited;
    });
    const subject: Subject = {
      ...{ address: ADDRESS, port, transport: 'udp', peerAddress: '127.0.37.32' },
      ...{ strangerAddress: '127.0.37.33', allocationsPerUser: 3, permissionsPerAllocation: 4 },
      user: () => ({ username: names.pop() ?? '', password: 'secret' }),
      waitMs: 2000,
    };
    const [binding] = BEHAVIOURS;
    for (let attempt = 0; ; attempt += 1) {
      if ((await faultOf(t, binding!, { ...subject, waitMs: 200 })) === undefined) break;
      if (attempt === 50) throw new Error('node-turn does not answer');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }

    t.ok(CAUGHT.size >= 10);
    const [crash] = [...CAUGHT.keys()].slice(-1);
    const caught = async (name: string): Promise<void> => {
      const row = BEHAVIOURS.find((one) => one.name === name);
      if (row === undefined) t.fail(`there is no row "${name}"`);
      else t.ok(await faultOf(t, row, subject), `${name}: node-turn ${CAUGHT.get(name) ?? ''}`);
    };
    await Promise.all([...CAUGHT.keys()].filter((name) => name !== crash).map(caught));
    t.equal(child.exitCode, null, 'it answered, or kept silent; it did not end');
    await caught(crash!);
    t.not(await exited, 0, 'one byte ended the process');
  });
}
