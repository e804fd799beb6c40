/**
 * Newline-delimited JSON over a byte stream, Sans-IO. A line longer than `maxBytes` is an error before
 * it is buffered whole, so a peer cannot make us hold more than the cap.
 */
export type JsonLine = { ok: true; value: unknown } | { ok: false; error: string };

export class JsonLineReader {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(options: { maxBytes: number }) {
    this.#maxBytes = options.maxBytes;
  }

  /** Feeds bytes. @returns the complete lines; after an error entry the stream is unusable. */
  push(chunk: Buffer): JsonLine[] {
    const lines: JsonLine[] = [];
    let from = 0;
    for (let at = chunk.indexOf(10, from); at !== -1; at = chunk.indexOf(10, from)) {
      this.#parts.push(chunk.subarray(from, at));
      this.#bytes += at - from;
      from = at + 1;
      if (this.#bytes > this.#maxBytes) return [...lines, tooLong(this.#maxBytes)];
      const text = Buffer.concat(this.#parts).toString('utf8');
      this.#parts = [];
      this.#bytes = 0;
      if (text.trim() === '') continue;
      try {
        lines.push({ ok: true, value: JSON.parse(text) as unknown });
      } catch {
        return [...lines, { ok: false, error: 'line is not JSON' }];
      }
    }
    if (from < chunk.length) {
      this.#parts.push(chunk.subarray(from));
      this.#bytes += chunk.length - from;
      if (this.#bytes > this.#maxBytes) lines.push(tooLong(this.#maxBytes));
    }
    return lines;
  }
}

function tooLong(maxBytes: number): JsonLine {
  return { ok: false, error: `line is longer than ${String(maxBytes)} bytes` };
}
