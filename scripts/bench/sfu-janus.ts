/**
 * Whether Janus of Debian's packages can join the SFU benchmark, and the network it needs: it gathers no candidates on
 * loopback addresses, so it and its viewers run in a network namespace with a pair of interfaces that leads nowhere. What is
 * sent to the address of that interface goes over the loopback device, as it does for the other servers.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';

const PACKAGE = 'janus';
const SETUP =
  'ip link set lo up && ip link add viewers type veth peer name nowhere &&' +
  ' ip address add 10.12.0.1/24 dev viewers && ip link set nowhere up && ip link set viewers up &&' +
  ' echo ready && exec sleep infinity';
const START_LIMIT_MS = 10_000;

export type JanusNetwork = {
  /** Janus and its version, for the table. */
  name: string;
  /** Stands before a command that is to run there. */
  prefix: readonly string[];
  close: () => void;
};

/** @returns the namespace, or a sentence that says what is missing. */
export async function openJanusNetwork(): Promise<JanusNetwork | { missing: string }> {
  const { stdout, status } = spawnSync('dpkg-query', ['-W', '-f', '${Version}', PACKAGE], {
    encoding: 'utf8',
  });
  if (status !== 0 || stdout === '') {
    return {
      missing: 'Left out Janus: its row needs apt-get install --no-install-recommends janus iproute2',
    };
  }
  const holder = spawn('unshare', ['--net', 'sh', '-c', SETUP], { stdio: ['ignore', 'pipe', 'pipe'] });
  if (!(await isReady(holder))) {
    holder.kill('SIGKILL');
    return { missing: 'Left out Janus: its row needs root, for a network namespace with an interface' };
  }
  return {
    name: `Janus ${stdout} streaming plugin`,
    prefix: ['nsenter', `--net=/proc/${holder.pid}/ns/net`],
    close: () => {
      holder.kill('SIGKILL');
    },
  };
}

function isReady(holder: ChildProcess): Promise<boolean> {
  return new Promise((done) => {
    const timer = setTimeout(done, START_LIMIT_MS, false);
    const end = (isThere: boolean) => (): void => {
      clearTimeout(timer);
      done(isThere);
    };
    holder.once('error', end(false));
    holder.once('exit', end(false));
    createInterface({ input: holder.stdout! }).once('line', end(true));
  });
}
