/**
 * The chain of the audit: every line carries the hash of the line before it. Hashes are HMACs with a key of
 * this host, so who can write the database alone cannot make a line that fits. Pure.
 */
import { createHmac } from 'node:crypto';
import type { AuditVerification } from '../contract/audit.ts';
import { equalInConstantTime } from '../kit/secret.ts';

/** What stands before the first line. */
export const GENESIS = '0'.repeat(64);
/** Written as `prevHash` when the mark of the newest line does not open: the break stays to be seen. */
export const BROKEN = 'f'.repeat(64);

export type AuditLine = {
  seq: number;
  atMs: number;
  actor: string;
  action: string;
  namespace: string | null;
  subject: string | null;
  outcome: 'ok' | 'refused' | 'failed';
  /** JSON of an object, as it was written. */
  detail: string;
  prevHash: string;
  hash: string;
};

/** The end of a stretch of lines: its last line's number and hash, and an HMAC over both. */
export type AuditMark = { seq: number; hash: string; mac: string };
export type MarkName = 'anchor' | 'head';

const MAX_PROBLEMS = 50;
/** How far a line is looked for at another place. */
const MOVE_RANGE = 100;

export function lineHash(key: Uint8Array, line: Omit<AuditLine, 'hash'>): string {
  const { seq, atMs, actor, action, namespace, subject, outcome, detail, prevHash } = line;
  const text = JSON.stringify([
    'line',
    seq,
    atMs,
    actor,
    action,
    namespace,
    subject,
    outcome,
    detail,
    prevHash,
  ]);
  return createHmac('sha256', key).update(text, 'utf8').digest('hex');
}

export function makeMark(key: Uint8Array, name: MarkName, seq: number, hash: string): AuditMark {
  return { seq, hash, mac: markMac(key, name, seq, hash) };
}

export function markHolds(key: Uint8Array, name: MarkName, mark: AuditMark): boolean {
  return equalInConstantTime(mark.mac, markMac(key, name, mark.seq, mark.hash));
}

function markMac(key: Uint8Array, name: MarkName, seq: number, hash: string): string {
  return createHmac('sha256', key)
    .update(JSON.stringify(['mark', name, seq, hash]), 'utf8')
    .digest('hex');
}

type Problem = AuditVerification['problems'][number];

/** Reads lines in the order of their numbers and tells what does not fit. */
export class ChainReader {
  readonly #key: Uint8Array;
  readonly #problems: Problem[] = [];
  #seq: number;
  #hash: string;
  /** Whether the line before is as it was written: else what follows it cannot be told by it. */
  #genuine = true;
  #lines = 0;
  #first: number | null = null;
  #expected: { seq: number; hash: string } | undefined;

  /** @param expect a line of before that must be here, or be older than what is kept. */
  constructor(options: {
    key: Uint8Array;
    anchor: AuditMark | undefined;
    expect?: { seq: number; hash: string } | undefined;
  }) {
    this.#key = options.key;
    this.#seq = options.anchor?.seq ?? 0;
    this.#hash = options.anchor?.hash ?? GENESIS;
    const { anchor, expect } = options;
    if (anchor !== undefined && !markHolds(options.key, 'anchor', anchor)) {
      this.#tell(anchor.seq, 'broken', `The mark of the lines that are no longer kept was changed.`);
    }
    this.#expected = expect !== undefined && expect.seq >= this.#seq ? expect : undefined;
    this.#meetExpected(this.#seq, this.#hash);
  }

  read(line: AuditLine): void {
    this.#lines += 1;
    this.#first ??= line.seq;
    if (line.seq > this.#seq + 1) this.#tellGap(this.#seq + 1, line.seq - 1);
    const follows = line.seq === this.#seq + 1;
    const genuine = lineHash(this.#key, line) === line.hash;
    if (!genuine) this.#tellChanged(line);
    else if (follows && this.#genuine && line.prevHash !== this.#hash) {
      const before = String(line.seq - 1);
      this.#tell(
        line.seq,
        'broken',
        `Line ${String(line.seq)} does not follow line ${before}: what was there when it was written is not there now.`,
      );
    }
    this.#seq = line.seq;
    this.#hash = line.hash;
    this.#genuine = genuine;
    this.#meetExpected(line.seq, line.hash);
  }

  /** @param head what the newest line has to be. */
  finish(head: AuditMark | undefined): AuditVerification {
    if (head === undefined) {
      if (this.#lines > 0) this.#tell(this.#seq, 'broken', 'The mark of the newest line is gone.');
    } else if (!markHolds(this.#key, 'head', head)) {
      this.#tell(head.seq, 'broken', 'The mark of the newest line was changed.');
    } else if (head.seq > this.#seq) {
      this.#tellGap(this.#seq + 1, head.seq);
    } else if (head.seq < this.#seq) {
      this.#tell(head.seq + 1, 'broken', `Lines after ${String(head.seq)} were not written by this daemon.`);
    } else if (head.seq === this.#seq && head.hash !== this.#hash && this.#problems.length === 0) {
      this.#tell(head.seq, 'changed', `Line ${String(head.seq)} was changed.`);
    }
    if (this.#expected !== undefined) {
      const { seq } = this.#expected;
      this.#tell(
        seq,
        'removed',
        `Line ${String(seq)} is not here: the audit is of an earlier day, or another.`,
      );
    }
    const last = this.#lines === 0 ? null : this.#seq;
    return {
      intact: this.#problems.length === 0,
      lines: this.#lines,
      first: this.#first,
      last,
      mark: last === null ? null : `${String(last)}:${this.#hash}`,
      problems: this.#problems,
    };
  }

  #meetExpected(seq: number, hash: string): void {
    if (this.#expected?.seq !== seq) return;
    if (this.#expected.hash !== hash) {
      this.#tell(seq, 'changed', `Line ${String(seq)} is not the one that was noted down.`);
    }
    this.#expected = undefined;
  }

  #tellGap(from: number, to: number): void {
    const many = to > from;
    const which = many ? `Lines ${String(from)} to ${String(to)} were` : `Line ${String(from)} was`;
    this.#tell(from, 'removed', `${which} removed.`);
  }

  #tellChanged(line: AuditLine): void {
    for (let far = 1; far <= MOVE_RANGE; far += 1) {
      for (const seq of [line.seq - far, line.seq + far]) {
        if (seq < 1 || lineHash(this.#key, { ...line, seq }) !== line.hash) continue;
        this.#tell(
          line.seq,
          'moved',
          `Line ${String(line.seq)} was line ${String(seq)} when it was written.`,
        );
        return;
      }
    }
    this.#tell(line.seq, 'changed', `Line ${String(line.seq)} was changed.`);
  }

  #tell(seq: number, kind: Problem['kind'], message: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push({ seq, kind, message });
  }
}
