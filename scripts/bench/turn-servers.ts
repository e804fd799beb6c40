/** The servers of the TURN benchmark: ours, Debian's coturn and npm's node-turn, each as one process. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { TurnServiceConfigInput } from '../../daemon/contract/turn-config.ts';
import { createLogger } from '../../daemon/kit/logger.ts';
import { fillCompileCache } from '../../daemon/system/compile-cache.ts';
import { installPeerPackage, NODE_TURN } from '../peer-package.ts';

export const NAMESPACE = 'bench';
export const SECRET = 'only for the benchmark run';
export const PEER_ADDRESS = '127.0.38.2';
export const REPOSITORY = resolve(import.meta.dirname, '../..');
const REALM = 'bench';
const RELAY_PORTS = 1200;
/** A service with this file counts by subject; all clients of the benchmark are one. */
const LIMITS_PER_SUBJECT = 'daemon/contract/turn-limits.ts';
const OF_ONE_SUBJECT = {
  allocationsPerSubject: RELAY_PORTS,
  permissionsPerUser: RELAY_PORTS,
  permissionsPerSubject: RELAY_PORTS,
  channelsPerUser: RELAY_PORTS,
  channelsPerSubject: RELAY_PORTS,
};
const START_LIMIT_MS = 30_000;

/** Where a server runs and for whom. */
export type Place = {
  address: string;
  minRelayPort: number;
  /** Folder for its files. */
  dir: string;
  credential: { username: string; password: string };
  /** Stands before the command: pins it to a core. */
  prefix: readonly string[];
};
export type ServerKind = {
  name: string;
  up: 'channel-data' | 'send-indication';
  start: (place: Place) => Promise<ChildProcess>;
};

/** The servers that this machine can run, ours first, and a sentence for each that is left out. */
export function serverKinds(earlier: readonly string[]): { kinds: ServerKind[]; missing: string[] } {
  const kinds: ServerKind[] = [
    { name: 'turnkeep', up: 'channel-data', start: (place) => startTurnkeep(place, REPOSITORY) },
    {
      name: 'turnkeep, node:dgram',
      up: 'channel-data',
      start: (place) => startTurnkeep(place, REPOSITORY, { TURNKEEP_DATAGRAMS: 'dgram' }),
    },
  ];
  const missing: string[] = [];
  for (const folder of earlier) {
    kinds.push({ name: folder, up: 'channel-data', start: (place) => startTurnkeep(place, resolve(folder)) });
  }
  const coturn = spawnSync('turnserver', ['--version'], { encoding: 'utf8' });
  if (coturn.error === undefined) {
    const version = /\d+\.\d+\.\d+/.exec(coturn.stdout)?.[0] ?? '';
    kinds.push({ name: `coturn ${version}`, up: 'channel-data', start: startCoturn });
  } else {
    missing.push('Left out coturn: its rows need apt-get install coturn');
  }
  const nodeTurn = installPeerPackage(NODE_TURN);
  if ('folder' in nodeTurn) {
    kinds.push({
      name: `node-turn ${NODE_TURN.version}`,
      up: 'send-indication',
      start: (place) => startNodeTurn(place, nodeTurn.folder),
    });
  } else {
    missing.push(nodeTurn.missing);
  }
  return { kinds, missing };
}

async function startTurnkeep(
  place: Place,
  repository: string,
  env: Record<string, string> = {},
): Promise<ChildProcess> {
  const { address, minRelayPort, dir } = place;
  const config: TurnServiceConfigInput = {
    version: 1,
    namespace: NAMESPACE,
    realm: REALM,
    listeners: [{ transport: 'udp', address, port: 3478 }],
    relay: { addresses: [address], minPort: minRelayPort, maxPort: minRelayPort + RELAY_PORTS - 1 },
    peers: { scope: 'sfu', allow: [{ address: PEER_ADDRESS, minPort: 10_000, maxPort: 29_999 }] },
    secrets: [{ id: 'bench', secret: SECRET }],
    limits: {
      allocations: RELAY_PORTS,
      allocationsPerUser: RELAY_PORTS,
      // Older copies of the service have no defaults for these, and do not know the others.
      permissionsPerAllocation: 16,
      channelsPerAllocation: 16,
      connections: 2048,
      connectionsPerAddress: 64,
      ...(existsSync(join(repository, LIMITS_PER_SUBJECT)) ? OF_ONE_SUBJECT : {}),
    },
    rfc5766Channels: false,
    controlSocket: join(dir, `${minRelayPort}.sock`),
  };
  const file = join(dir, `${minRelayPort}.json`);
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
  const service = join(repository, 'daemon/turn-service.ts');
  // As the daemon does; an older copy does not know it and is compiled when it first ends.
  await fillCompileCache({
    folder: compileCache(place),
    programs: [service],
    log: createLogger({ name: 'bench', level: 'silent' }),
  });
  const child = start(place, [process.execPath, service, '--config', file], 'pipe', env);
  const { stdout } = child;
  if (stdout === null) throw new Error('the TURN service has no output');
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(reject, START_LIMIT_MS, new Error('the TURN service is not ready in time'));
    createInterface({ input: stdout }).on('line', (line) => {
      if (line !== '{"ready":true}') return;
      clearTimeout(timer);
      resolve();
    });
    child.once('close', () => {
      reject(new Error('the TURN service ended'));
    });
  });
  return child;
}

/** One relay thread, as our process has one; everything it does not need here is off. */
function startCoturn(place: Place): Promise<ChildProcess> {
  const { address, minRelayPort, dir } = place;
  const file = join(dir, 'coturn.conf');
  const lines = [
    `listening-ip=${address}`,
    'listening-port=3478',
    `relay-ip=${address}`,
    `min-port=${minRelayPort}`,
    `max-port=${minRelayPort + RELAY_PORTS - 1}`,
    'relay-threads=1',
    'use-auth-secret',
    `static-auth-secret=${SECRET}`,
    `realm=${REALM}`,
    'allow-loopback-peers',
    'no-tls',
    'no-dtls',
    'no-cli',
    'no-tcp',
    'no-rfc5780',
    'log-file=/dev/null',
    `pidfile=${join(dir, 'coturn.pid')}`,
    `userdb=${join(dir, 'coturn.sqlite')}`,
  ];
  writeFileSync(file, lines.join('\n'), { mode: 0o600 });
  return Promise.resolve(start(place, ['turnserver', '-c', file], 'ignore'));
}

function startNodeTurn(place: Place, folder: string): Promise<ChildProcess> {
  const { address, minRelayPort, credential } = place;
  const options = {
    listeningIps: [address],
    listeningPort: 3478,
    relayIps: [address],
    minPort: minRelayPort,
    maxPort: minRelayPort + RELAY_PORTS - 1,
    authMech: 'long-term',
    realm: REALM,
    credentials: { [credential.username]: credential.password },
  };
  const program = join(import.meta.dirname, 'node-turn-server.ts');
  return Promise.resolve(
    start(place, [process.execPath, program, folder, JSON.stringify(options)], 'ignore'),
  );
}

function start(
  place: Place,
  command: readonly string[],
  stdout: 'pipe' | 'ignore',
  more: Record<string, string> = {},
): ChildProcess {
  const [program = '', ...args] = [...place.prefix, ...command];
  const env = { ...process.env, ...more, NODE_COMPILE_CACHE: compileCache(place) };
  return spawn(program, args, { env, stdio: ['ignore', stdout, stdout === 'pipe' ? 'inherit' : 'ignore'] });
}

function compileCache({ dir }: Place): string {
  return join(dir, 'compile');
}
