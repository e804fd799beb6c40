/** Writes and judges the state file's text; decides which copy counts. Pure. */
import { z } from 'zod';
import {
  clusterStateSchema,
  STATE_FILE_MAX_BYTES,
  STATE_FILE_VERSION,
  stateFileSchema,
  type ClusterState,
} from '../contract/state-file.ts';
import { sha256Hex } from '../kit/secret.ts';

const versionSchema = z.object({ version: z.number() });

export function encodeStateFile(state: ClusterState): string {
  const checked = clusterStateSchema.parse(state);
  const checksum = sha256Hex(JSON.stringify(checked));
  return JSON.stringify({ checksum, state: checked }, null, 2) + '\n';
}

export type DecodedState = { ok: true; state: ClusterState } | { ok: false; problem: string };

/** Judges a text of unknown origin; never throws. */
export function decodeStateFile(text: string): DecodedState {
  const bad = (problem: string): DecodedState => ({ ok: false, problem });
  if (text.length > STATE_FILE_MAX_BYTES) {
    return bad(`it is longer than ${String(STATE_FILE_MAX_BYTES)} bytes`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return bad('it is cut off or no JSON'); // The parser's message quotes the text: not for a log.
  }
  const file = stateFileSchema.safeParse(json);
  if (!file.success || file.data.state === undefined) return bad('it has no checksum and state');
  const { checksum, state } = file.data;
  if (sha256Hex(JSON.stringify(state)) !== checksum) return bad('its checksum does not match');
  const versioned = versionSchema.safeParse(state);
  if (versioned.success && versioned.data.version > STATE_FILE_VERSION) {
    return bad(`its version ${String(versioned.data.version)} is newer than this program knows`);
  }
  const parsed = clusterStateSchema.safeParse(state);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return bad(`${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
  }
  return { ok: true, state: parsed.data };
}

export type StateChoice = {
  /** Which copy counts; `none` sends the reader to the database. */
  source: 'current' | 'previous' | 'none';
  state: ClusterState | null;
  /** What was found wrong, one sentence each, for the log and the health items. */
  warnings: string[];
};

/** A bad or missing current copy gives way to the previous one; a bad copy is never half used. */
export function chooseState(copies: { current: string | null; previous: string | null }): StateChoice {
  const warnings: string[] = [];
  const judge = (title: string, text: string | null): ClusterState | null => {
    if (text === null) return null;
    const decoded = decodeStateFile(text);
    if (decoded.ok) return decoded.state;
    warnings.push(`The ${title} is not used: ${decoded.problem}.`);
    return null;
  };
  const current = judge('state file', copies.current);
  if (current !== null) return { source: 'current', state: current, warnings };
  const previous = judge('previous state file', copies.previous);
  if (previous !== null) {
    if (copies.current === null) warnings.push('The state file is missing.');
    warnings.push(`The previous state file (generation ${String(previous.generation)}) is used instead.`);
    return { source: 'previous', state: previous, warnings };
  }
  return { source: 'none', state: null, warnings };
}
