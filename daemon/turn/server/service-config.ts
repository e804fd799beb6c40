/** Reads and checks the configuration file of one TURN process, and the PEM files it names. */
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { turnServiceConfigSchema, type TurnServiceConfig } from '../../contract/turn-config.ts';
import { AppError } from '../../contract/errors.ts';
import { messageOf } from '../../kit/errors.ts';
import { CertificateError, type Certificate } from './certificate.ts';

export type LoadedConfig = { config: TurnServiceConfig; certificate: Certificate | undefined };

/** As `readServiceConfig`, and with a CertificateError when a certificate that is needed cannot be used. */
export async function loadServiceConfig(file: string): Promise<LoadedConfig> {
  const config = await readServiceConfig(file);
  return { config, certificate: await loadCertificate(config) };
}

/** Rejects with AppError `invalid_request` naming every problem at once; never quotes a value. */
export async function readServiceConfig(file: string): Promise<TurnServiceConfig> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    // A JSON error quotes the text it stumbled on, and the file holds secrets.
    const reason = cause instanceof SyntaxError ? 'it is not JSON' : messageOf(cause);
    throw new AppError('invalid_request', `Cannot read the TURN configuration ${file}: ${reason}`);
  }
  const parsed = turnServiceConfigSchema.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(
      ({ path, message }) => `${path.map(String).join('.') || 'file'}: ${message}`,
    );
    throw new AppError('invalid_request', `The TURN configuration ${file} is wrong: ${problems.join('; ')}`);
  }
  return parsed.data;
}

/** Rejects with a CertificateError. @returns undefined when none is named and none is needed. */
export async function loadCertificate(config: TurnServiceConfig): Promise<Certificate | undefined> {
  const needed = config.listeners.some(({ transport }) => transport === 'tls' || transport === 'dtls');
  if (config.certificate === undefined) {
    if (!needed) return undefined;
    throw new CertificateError('certificate: a tls or dtls listener needs certFile and keyFile');
  }
  const { certFile, keyFile } = config.certificate;
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    createSecureContext({ cert, key }); // Refuses a pair that does not match before anything changes.
    return { cert, key };
  } catch (cause) {
    throw new CertificateError(`certificate: cannot use ${certFile} with ${keyFile}: ${messageOf(cause)}`, {
      cause,
    });
  }
}
