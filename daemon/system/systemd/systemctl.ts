/** Runs `systemctl` and `journalctl`: bounded in time and output, arguments never through a shell. */
import { runCommand } from '../run-command.ts';
import { lastLoggedError } from '../service-log.ts';
import { parseProperties, parseUnitStates, UNIT_PROPERTIES, type UnitState } from './unit-state.ts';

const SHOW_TIMEOUT_MS = 10_000;
/** Longer than TimeoutStartSec and TimeoutStopSec of the units: systemd decides first. */
const VERB_TIMEOUT_MS = 45_000;
const LAST_LINES = 20;
const MAX_WORDS = 500;

type Verb = 'start' | 'stop' | 'reset-failed';

export interface Systemctl {
  /** @returns one state for each unit, in any order; a unit without a file is there, too. */
  show(units: readonly string[]): Promise<UnitState[]>;
  /** Does it and waits for the end of the job. Rejects with an AdapterError that holds what systemctl said. */
  run(verb: Verb, unit: string): Promise<void>;
  /** Properties of a unit, in force at once and until the host starts anew. Rejects like `run`. */
  setProperties(unit: string, assignments: readonly string[]): Promise<void>;
  /** @returns their values as systemd writes them. */
  properties(unit: string, names: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** What the unit's processes said last, in plain words; empty when nothing can be read. */
  lastWords(unit: string): Promise<string>;
}

export class ProcessSystemctl implements Systemctl {
  async show(units: readonly string[]): Promise<UnitState[]> {
    if (units.length === 0) return [];
    const properties = UNIT_PROPERTIES.map((name) => `--property=${name}`);
    return parseUnitStates(
      await run('systemctl', ['show', '--timestamp=unix', ...properties, '--', ...units], SHOW_TIMEOUT_MS),
    );
  }

  async run(verb: Verb, unit: string): Promise<void> {
    await run('systemctl', ['--no-ask-password', verb, '--', unit], VERB_TIMEOUT_MS);
  }

  async setProperties(unit: string, assignments: readonly string[]): Promise<void> {
    const flags = ['--no-ask-password', '--runtime', 'set-property', '--'];
    await run('systemctl', [...flags, unit, ...assignments], SHOW_TIMEOUT_MS);
  }

  async properties(unit: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const asked = names.map((name) => `--property=${name}`);
    return parseProperties(await run('systemctl', ['show', ...asked, '--', unit], SHOW_TIMEOUT_MS));
  }

  async lastWords(unit: string): Promise<string> {
    const flags = ['--quiet', '--no-pager', '--output=cat', `--lines=${String(LAST_LINES)}`];
    try {
      const text = await run('journalctl', [...flags, `_SYSTEMD_UNIT=${unit}`], SHOW_TIMEOUT_MS);
      const lines = text.split('\n').filter((line) => line.trim() !== '');
      // Log records are JSON; the sentence a service ends with is not.
      const plain = lines.at(-1)?.startsWith('{') === false ? lines.at(-1) : undefined;
      return (plain ?? lastLoggedError(text)).slice(-MAX_WORDS);
    } catch {
      return ''; // The words only explain; without the right to read the journal there are none.
    }
  }
}

function run(file: string, args: readonly string[], timeoutMs: number): Promise<string> {
  return runCommand(file, args, { timeoutMs, debianPackage: 'systemd' });
}
