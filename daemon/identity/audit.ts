/**
 * The audit: who did what, to what, with which outcome. Lines are appended and never changed; the oldest are
 * dropped beyond a bound, and the chain of what is kept still closes (audit-chain.ts).
 */
import type { AuditEntry, AuditList, AuditQuery, AuditVerification } from '../contract/audit.ts';
import type { Clock } from '../kit/clock.ts';
import {
  BROKEN,
  ChainReader,
  GENESIS,
  lineHash,
  makeMark,
  markHolds,
  type AuditLine,
} from './audit-chain.ts';
import { AuditGate, type GateKind } from './audit-gate.ts';
import type { AuditStore } from './system.ts';

/** Some hundred bytes each: below 100 MB, months of a busy appliance. */
const MAX_LINES = 200_000;
/** Dropped at once, so that not every line moves the anchor. */
const DROP_LINES = 1000;
const MAX_DETAIL_CHARS = 2000;
const MAX_TEXT_CHARS = 128;
/** Read in one go while verifying: the daemon answers others in between. */
const VERIFY_BATCH = 1000;

export type AuditEvent = {
  actor: string;
  action: string;
  namespace?: string | null | undefined;
  subject?: string | null | undefined;
  outcome?: AuditLine['outcome'];
  /** No secrets. */
  detail?: Record<string, unknown>;
  /** Lines that may come often: see audit-gate.ts. */
  gate?: { kind: GateKind; key: string };
};

export class Audit {
  readonly #store: AuditStore;
  readonly #key: Uint8Array;
  readonly #clock: Clock;
  readonly #gate: AuditGate;
  readonly #maxLines: number;
  #verifying = 0;

  /** @param options.key 32 bytes of this host. */
  constructor(options: { store: AuditStore; key: Uint8Array; clock: Clock; maxLines?: number }) {
    this.#store = options.store;
    this.#key = options.key;
    this.#clock = options.clock;
    this.#gate = new AuditGate({ clock: options.clock });
    this.#maxLines = options.maxLines ?? MAX_LINES;
  }

  /** On disk when it returns. Throws what the store throws: then it is not written down. */
  record(event: AuditEvent): void {
    const { gate } = event;
    const leftOut = gate === undefined ? 0 : this.#gate.pass(gate.kind, gate.key);
    if (leftOut === undefined) return;
    const detail = leftOut === 0 ? (event.detail ?? {}) : { ...event.detail, leftOutBefore: leftOut };
    this.#store.transaction(() => {
      const { seq, hash: prevHash } = this.#newest();
      this.#append(seq + 1, prevHash, event, detail);
      if (this.#verifying === 0) this.#drop(seq + 1);
    });
  }

  /** Newest first. */
  list(query: AuditQuery): AuditList {
    const lines = this.#store.list({ ...query, limit: query.limit + 1 });
    const items = lines.slice(0, query.limit);
    return {
      items: items.map(shown),
      next: lines.length > query.limit ? (items.at(-1)?.seq ?? null) : null,
    };
  }

  /** Reads every line. @param expect a line of before, `SEQ:HASH`. */
  async verify(expect?: string): Promise<AuditVerification> {
    this.#verifying += 1;
    try {
      const head = this.#store.mark('head');
      const anchor = this.#store.mark('anchor');
      const [seq = '0', hash = ''] = expect?.split(':') ?? [];
      const reader = new ChainReader({
        key: this.#key,
        anchor,
        ...(expect === undefined ? {} : { expect: { seq: Number(seq), hash } }),
      });
      // Lines that are written while we read are not of this question.
      const until = Math.max(head?.seq ?? 0, this.#store.lastSeq());
      let after = anchor?.seq ?? 0;
      for (;;) {
        const lines = this.#store.after(after, until, VERIFY_BATCH);
        for (const line of lines) reader.read(line);
        const last = lines.at(-1);
        if (last === undefined) return reader.finish(head);
        after = last.seq;
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      this.#verifying -= 1;
    }
  }

  /** Where the next line goes on. A mark that does not open leaves a break that verify finds. */
  #newest(): { seq: number; hash: string } {
    const head = this.#store.mark('head');
    const lastSeq = this.#store.lastSeq();
    if (head === undefined && lastSeq === 0) return { seq: 0, hash: GENESIS };
    if (head !== undefined && markHolds(this.#key, 'head', head) && head.seq >= lastSeq) return head;
    return { seq: Math.max(head?.seq ?? 0, lastSeq), hash: BROKEN };
  }

  #append(seq: number, prevHash: string, event: AuditEvent, detail: Record<string, unknown>): void {
    const text = JSON.stringify(detail);
    const line = {
      seq,
      atMs: this.#clock.nowMs(),
      actor: event.actor.slice(0, MAX_TEXT_CHARS),
      action: event.action,
      namespace: event.namespace?.slice(0, MAX_TEXT_CHARS) ?? null,
      subject: event.subject?.slice(0, MAX_TEXT_CHARS) ?? null,
      outcome: event.outcome ?? 'ok',
      detail: text.length <= MAX_DETAIL_CHARS ? text : '{"detail":"too long to be kept"}',
      prevHash,
    };
    const hash = lineHash(this.#key, line);
    this.#store.append({ ...line, hash });
    this.#store.setMark('head', makeMark(this.#key, 'head', seq, hash));
  }

  #drop(newest: number): void {
    const anchor = this.#store.mark('anchor');
    const kept = newest - (anchor?.seq ?? 0);
    if (kept < this.#maxLines + Math.min(DROP_LINES, this.#maxLines)) return;
    // A broken anchor stays as it is: moving it would hide the break.
    if (anchor !== undefined && !markHolds(this.#key, 'anchor', anchor)) return;
    const last = this.#store.after(newest - this.#maxLines - 1, newest, 1).at(0);
    if (last === undefined) return;
    this.#store.setMark('anchor', makeMark(this.#key, 'anchor', last.seq, last.hash));
    this.#store.dropUpTo(last.seq);
  }
}

function shown(line: AuditLine): AuditEntry {
  const { atMs, detail, ...rest } = line;
  return { ...rest, at: new Date(atMs).toISOString(), detail: parsed(detail) };
}

/** Somebody may have changed it by hand. */
function parsed(detail: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(detail);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Shown as it is.
  }
  return { unreadable: detail };
}
