/**
 * LiveKit with its embedded TURN server, the peer of `pair`, `late` and `storm`: built once from the Go module
 * proxy into `.cache/peers/`, pinned to a version, which go.sum's database verifies. No part of the product.
 */
import { spawnSync, spawn, type ChildProcess } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';

/** The newest that `go install` accepts: later ones have replace directives. */
export const LIVEKIT_VERSION = '1.13.5';
const FOLDER = resolve(import.meta.dirname, '../../.cache/peers/livekit');
const PROGRAM = join(FOLDER, 'server');
/** 243 s of CPU time on two cores that others use too. */
const BUILD_LIMIT_MS = 30 * 60_000;
const START_LIMIT_MS = 30_000;
const PORTS = { http: 17_880, media: 17_882, turn: 13_478 };
const KEY = { name: 'bench', secret: 'only for the benchmark run, at least 32 characters' };

/** Builds it where it is not there yet. @returns why it is missing, or undefined. */
export function installLiveKit(): string | undefined {
  if (existsSync(PROGRAM)) return undefined;
  console.error(`building LiveKit ${LIVEKIT_VERSION} (minutes, once)`);
  const build = spawnSync(
    'go',
    ['install', `github.com/livekit/livekit-server/cmd/server@v${LIVEKIT_VERSION}`],
    {
      encoding: 'utf8',
      timeout: BUILD_LIMIT_MS,
      env: { ...process.env, GOBIN: FOLDER, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' },
    },
  );
  if (build.status === 0) return undefined;
  return `Left out LiveKit: go install failed (${build.error?.message ?? build.stderr.slice(-500)})`;
}

/** @param dir Folder for its file. @param prefix Stands before the command: pins it to a core. */
export async function startLiveKit(dir: string, prefix: readonly string[]): Promise<ChildProcess> {
  const path = join(dir, 'livekit.yaml');
  const config = {
    port: PORTS.http,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      udp_port: PORTS.media,
      tcp_port: 0,
      node_ip: '127.0.0.1',
      use_external_ip: false,
      enable_loopback_candidate: true,
      // Its default makes every relayed viewer wait two seconds.
      relay_acceptance_min_wait: '1ms',
    },
    turn: { enabled: true, udp_port: PORTS.turn, allow_restricted_peer_cidrs: ['127.0.0.0/8'] },
    keys: { [KEY.name]: KEY.secret },
    logging: { level: 'error' },
  };
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
  const [program, ...args] = [...prefix, PROGRAM, '--config', path];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const endMs = performance.now() + START_LIMIT_MS;
  while (!(await answers(PORTS.http))) {
    if (child.exitCode !== null) throw new Error(`LiveKit ended with ${child.exitCode}`);
    if (performance.now() > endMs) throw new Error('LiveKit did not open its port');
    await new Promise((done) => setTimeout(done, 100));
  }
  return child;
}

/** The signaling URL of a participant. */
export function liveKitUrl(identity: string, room: string, publishes: boolean): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1000);
  const claims = part({
    iss: KEY.name,
    sub: identity,
    nbf: now - 5,
    exp: now + 3600,
    video: { room, roomJoin: true, canPublish: publishes, canSubscribe: !publishes },
  });
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${claims}`;
  const signature = createHmac('sha256', KEY.secret).update(text).digest('base64url');
  const query = new URLSearchParams({
    access_token: `${text}.${signature}`,
    protocol: '15',
    auto_subscribe: '1',
    sdk: 'go',
  });
  return `ws://127.0.0.1:${PORTS.http}/rtc?${query}`;
}

function answers(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    const end = (open: boolean): void => {
      socket.destroy();
      done(open);
    };
    socket.once('connect', () => {
      end(true);
    });
    socket.once('error', () => {
      end(false);
    });
  });
}
