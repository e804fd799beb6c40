/** Looks at a certificate file as a server would, and changes nothing. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isErrno, messageOf } from '../kit/errors.ts';

export type CertificateFile = {
  /** Why no server can use it; null when one can. */
  problem: string | null;
  fingerprint: string | null;
  notBeforeMs: number;
  notAfterMs: number;
};

/**
 * The first certificate of a file, with the key it needs. Never rejects.
 * @param keyFile where its key is, `certFile` itself when both are one file; null: nobody here needs the key.
 */
export async function lookAtCertificate(certFile: string, keyFile: string | null): Promise<CertificateFile> {
  try {
    const leaf = new X509Certificate(await readFile(certFile));
    if (keyFile !== null && !leaf.checkPrivateKey(createPrivateKey(keyOf(await readFile(keyFile, 'utf8'))))) {
      throw new Error('its key belongs to another certificate');
    }
    return {
      problem: null,
      fingerprint: leaf.fingerprint256,
      notBeforeMs: leaf.validFromDate.getTime(),
      notAfterMs: leaf.validToDate.getTime(),
    };
  } catch (error) {
    const problem = isErrno(error, 'ENOENT') ? 'there is no such file' : messageOf(error);
    return { problem, fingerprint: null, notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY };
  }
}

/** A file with both has text around the key. */
function keyOf(pem: string): string {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/.exec(pem)?.[0] ?? pem;
}

/** The certificates of a PEM file; empty when it cannot be read. */
export async function certificatesIn(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const at = text.indexOf('-----BEGIN CERTIFICATE-----');
  return at === -1 ? '' : text.slice(at);
}
