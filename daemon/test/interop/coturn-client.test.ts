/**
 * coturn's client tools against our TURN process. The client's exit code says little, so its totals are
 * read; it waits for ever for a lost answer, so every call has a time limit.
 */
import { execFile, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import t, { type Test } from 'tap';
import { freePort, startTurn, TEST_SECRET } from '../helpers/turn-client.ts';

t.setTimeout(280_000);

const PEER = '127.0.11.52';
const MESSAGES = 10;
const CLIENTS = 2;

type Run = { code: number | null; output: string };

/** `timeout` ends a client that hangs: exit code 124. */
function run(tool: string, args: readonly string[], limitSeconds = 40): Promise<Run> {
  return new Promise((resolve) => {
    execFile('timeout', ['--kill-after=5', String(limitSeconds), tool, ...args], (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
      resolve({ code, output: stdout + stderr });
    });
  });
}

function missing(tool: string): boolean {
  return !(process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Runs the test only with the tools; without them it fails under CI and is skipped elsewhere. */
function withTools(name: string, tools: readonly string[], body: (t: Test) => Promise<void>): void {
  const absent = tools.filter(missing);
  if (absent.length === 0) {
    void t.test(name, body);
  } else if (process.env['CI'] === 'true') {
    t.fail(`${name}: ${absent.join(', ')} not found; install the package coturn`);
  } else {
    void t.test(
      name,
      { skip: `${absent.join(', ')} not found; install the package coturn` },
      () => undefined,
    );
  }
}

/** The peer that sends back what it gets. */
async function startEcho(t: Test, address: string): Promise<number> {
  const port = await freePort(address);
  const child = spawn('turnutils_peer', ['-p', String(port), '-L', address], { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.on('close', resolve));
  t.teardown(async () => {
    child.kill();
    await exited;
  });
  return port;
}

withTools('turnutils_stunclient', ['turnutils_stunclient'], async (t) => {
  const turn = await startTurn(t, { address: '127.0.11.50', transports: ['udp'] });
  const { code, output } = await run('turnutils_stunclient', ['-p', String(turn.port), turn.address]);
  t.equal(code, 0);
  t.match(output, /UDP reflexive addr: 127\.0\.0\.1:\d+/);
  await turn.stop();
});

withTools('turnutils_uclient', ['turnutils_uclient', 'turnutils_peer'], async (t) => {
  const peerPort = await startEcho(t, PEER);
  const relay = { addresses: ['127.0.11.51'], minPort: 52600, maxPort: 52999 };
  const turn = await startTurn(t, {
    address: '127.0.11.50',
    config: {
      relay,
      rfc5766Channels: true,
      // The client also binds the next port, for RTCP. The second block lets two clients of a relay talk to each other (-y).
      peers: {
        scope: 'sfu',
        allow: [
          { address: PEER, minPort: peerPort, maxPort: peerPort + 1 },
          { address: '127.0.11.51', minPort: relay.minPort, maxPort: relay.maxPort },
        ],
      },
    },
  });
  const uclient = (flags: readonly string[], secret = TEST_SECRET): Promise<Run> =>
    run('turnutils_uclient', [
      ...flags,
      ...['-u', turn.config.namespace, '-W', secret, '-p', String(turn.port)],
      ...['-e', PEER, '-r', String(peerPort), '-n', String(MESSAGES), '-m', String(CLIENTS)],
      turn.address,
    ]);

  for (const [name, flags, messages] of [
    ['udp, channels', ['-c'], MESSAGES * CLIENTS],
    ['udp, send', ['-c', '-s'], MESSAGES * CLIENTS],
    ['udp, even ports', [], MESSAGES * CLIENTS],
    ['udp, odd length', ['-c', '-l', '101'], MESSAGES * CLIENTS],
    ['udp, DONT-FRAGMENT, padding, more requests', ['-c', '-g', '-D', '-G'], MESSAGES * CLIENTS],
    ['udp, client to client', ['-y'], MESSAGES * CLIENTS * 2],
    ['tcp, channels', ['-t', '-c'], MESSAGES * CLIENTS],
    ['tcp, send', ['-t', '-c', '-s'], MESSAGES * CLIENTS],
    ['tcp, even ports', ['-t'], MESSAGES * CLIENTS],
    ['tcp, odd length', ['-t', '-c', '-l', '101'], MESSAGES * CLIENTS],
  ] as const) {
    await t.test(name, async (t) => {
      const { code, output } = await uclient(flags);
      t.equal(code, 0, output.slice(-500));
      const received = [...output.matchAll(/tot_recv_msgs=(\d+)/g)].at(-1)?.[1];
      const lost = /Total lost packets (\d+)/.exec(output)?.[1];
      t.equal(Number(received), messages, 'received');
      t.equal(Number(lost), 0, 'lost');
    });
  }
  await t.test('a wrong secret is rejected', async (t) => {
    const { code, output } = await uclient(['-c'], 'a secret of somebody else');
    t.not(code, 0);
    t.not(code, 124, 'and not by silence');
    t.match(output, /Cannot complete Allocation/);
  });
  // Some of its modes end without Refresh(0); over TCP the end of the connection is as good.
  const { items } = await turn.control.call('allocations', { limit: 1000 });
  t.same(
    items.filter(({ transport }) => transport !== 'udp'),
    [],
    'no allocation outlives its connection',
  );
  t.equal(await turn.stop(), 0);
});
