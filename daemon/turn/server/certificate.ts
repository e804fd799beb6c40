/** The certificate of the TLS and DTLS listeners: what it is, what status says of it, how it is refused. Pure. */
import { X509Certificate } from 'node:crypto';
import { AppError } from '../../contract/errors.ts';

/** PEM texts; `cert` may hold the issuers behind the leaf. */
export type Certificate = { cert: string; key: string };

/** `notAfterMs`: Unix time; `fingerprint`: SHA-256, colons; `problem`: why a newer one is not used, or empty. */
export type CertificateStatus = { notAfterMs: number; fingerprint: string; problem: string };

/** A certificate or key that cannot be read, does not fit, or cannot serve. `invalid_request` for the caller. */
export class CertificateError extends AppError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super('invalid_request', message, options);
  }
}

export function describeCertificate(certificate: Certificate, problem: string): CertificateStatus {
  const leaf = new X509Certificate(certificate.cert);
  return { notAfterMs: leaf.validToDate.getTime(), fingerprint: leaf.fingerprint256, problem };
}

export function isSameCertificate(one: Certificate, other: Certificate | undefined): boolean {
  return one.cert === other?.cert && one.key === other.key;
}
