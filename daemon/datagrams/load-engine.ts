/** Chooses how datagrams are sent and received: by the addon where it was built, else by `node:dgram`. */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isErrno, messageOf } from '../kit/errors.ts';
import { LAYOUT, type Addon } from './addon-layout.ts';
import type { DatagramEngine } from './datagram.ts';
import { dgramEngine } from './dgram-engine.ts';
import { MmsgEngine } from './mmsg-engine.ts';

const FILE = fileURLToPath(new URL('native/build/datagram.node', import.meta.url));
/** `dgram` keeps the addon out, for tests, for comparison and as a way out. */
const SWITCH = 'TURNKEEP_DATAGRAMS';

export type LoadedEngine = { engine: DatagramEngine; problem: string | undefined };
let loaded: LoadedEngine | undefined;

/** @returns the engine, and why it is not the fast one: a clause that names the remedy. */
export function loadDatagramEngine(): LoadedEngine {
  loaded ??= load();
  return loaded;
}

function load(): LoadedEngine {
  if (process.env[SWITCH] === 'dgram') return { engine: dgramEngine, problem: undefined };
  try {
    const addon = createRequire(import.meta.url)(FILE) as Addon;
    if (addon.layout !== LAYOUT) throw new Error('it was built from another release');
    return { engine: new MmsgEngine(addon), problem: undefined };
  } catch (error) {
    const reason =
      isErrno(error, 'MODULE_NOT_FOUND') || isErrno(error, 'ERR_DLOPEN_FAILED')
        ? 'the datagram addon is not built for this Node'
        : `the datagram addon does not work (${messageOf(error)})`;
    return {
      engine: dgramEngine,
      problem: `${reason}; install g++ (Debian: apt-get install g++) and run scripts/build-native`,
    };
  }
}
