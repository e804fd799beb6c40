/** Fetches a small document from an issuer: bounded in time and size, never redirected. */
import { AdapterError, messageOf } from '../../kit/errors.ts';

/** An issuer's keys and its discovery document are a few kilobytes. */
export const MAX_DOCUMENT_BYTES = 64 * 1024;
export const FETCH_MS = 5000;

/** @returns the text of a 200. Rejects with an AdapterError that names the address and what was wrong. */
export async function boundedFetch(url: string): Promise<string> {
  const fail = (why: string, cause?: unknown): AdapterError =>
    new AdapterError(`${url} ${why}.`, { operation: 'issuer-keys', target: url, retryable: true, cause });
  const signal = AbortSignal.timeout(FETCH_MS);
  try {
    const response = await fetch(url, { redirect: 'error', signal, headers: { accept: 'application/json' } });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw fail(`answers with ${String(response.status)}`);
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const body: AsyncIterable<Uint8Array> | null = response.body;
    for await (const chunk of body ?? []) {
      bytes += chunk.byteLength;
      if (bytes > MAX_DOCUMENT_BYTES) throw fail(`is larger than ${String(MAX_DOCUMENT_BYTES / 1024)} KiB`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    if (error instanceof AdapterError) throw error;
    if (signal.aborted) throw fail(`does not answer within ${String(FETCH_MS / 1000)} s`, error);
    const { cause } = error as { cause?: unknown };
    throw fail(`cannot be fetched: ${messageOf(cause ?? error)}`, error);
  }
}
