/** The file through which the daemon asks the firewall helper. Who reads it trusts neither its name nor its contents. */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { firewallRequestSchema, type FirewallOpening } from '../../contract/firewall.ts';
import { AdapterError } from '../../kit/errors.ts';
import { replaceFile } from '../atomic-file.ts';

/** 4000 openings, and some. */
const MAX_BYTES = 1024 * 1024;
/** Ports are no secret; the helper has no right to read what belongs to others. */
const MODE = 0o644;

export async function writeFirewallRequest(
  path: string,
  openings: readonly FirewallOpening[],
  options: { check?: boolean } = {},
): Promise<void> {
  const { check = false } = options;
  await replaceFile(path, `${JSON.stringify({ version: 1, openings, check })}\n`, MODE);
}

/**
 * Rejects with an AdapterError that repeats nothing of the contents: a link could lead to any file.
 * @returns the text beside the openings, to see whether it has changed since.
 */
export async function readFirewallRequest(
  path: string,
): Promise<{ text: string; openings: FirewallOpening[]; check: boolean }> {
  const refuse = (why: string): AdapterError =>
    new AdapterError(`The firewall request ${path} ${why}.`, { operation: 'read', target: path });
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch(() => {
    throw refuse('cannot be opened, or is a link');
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw refuse('is no file');
    const buffer = Buffer.alloc(MAX_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > MAX_BYTES) throw refuse('is too long');
    const text = buffer.toString('utf8', 0, bytesRead);
    const parsed = firewallRequestSchema.safeParse(parseJson(text));
    if (!parsed.success) throw refuse('does not have the form of one');
    return { text, openings: parsed.data.openings, check: parsed.data.check };
  } finally {
    await file.close();
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
