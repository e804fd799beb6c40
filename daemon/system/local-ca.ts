/**
 * The local certificate authority: made once under a directory, it signs the server certificate of the
 * tunnel port (and of the console, when that has no other). Cameras trust `ca.pem`; its key never leaves
 * the directory. Files are 0600 and replaced in one step.
 */
import { X509Certificate as NodeCertificate, createPrivateKey, webcrypto, type KeyObject } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
// @peculiar/x509 needs this polyfill and does not load it itself: it has to come first.
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { AdapterError, isErrno, messageOf } from '../kit/errors.ts';
import { canonicalIp } from '../kit/ip-address.ts';
import { replaceFile } from './atomic-file.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const CA_DAYS = 3650;
/** Browsers and Apple devices refuse server certificates above 398 days, also private ones above 825. */
const SERVER_DAYS = 397;
const RENEW_BEFORE_DAYS = 30;
/** A camera's clock may be behind: certificates are valid from a day before they were made. */
const BACKDATE_MS = DAY_MS;
const KEY = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const;

export type LocalCertificate = { caPem: string; certPem: string; keyPem: string };
export type Pair = { certPem: string; keyPem: string };
export type Subject = { names: string[]; addresses: string[]; nowMs: number };

/**
 * Loads the CA and the server certificate, and makes what is missing. The server certificate is made
 * anew when it does not name exactly these names and addresses, has less than 30 days, or is not of this
 * CA. A CA that cannot be read is an error, never replaced: every camera trusts it.
 *
 * @param directory created with mode 0700 when missing.
 * @param subject.names DNS names, `*.` wildcards allowed; with `addresses` at least one.
 * @throws AdapterError
 */
export async function loadOrCreateLocalCa(directory: string, subject: Subject): Promise<LocalCertificate> {
  const fail = (message: string, cause?: unknown): AdapterError =>
    new AdapterError(message, { operation: 'local-ca', target: directory, cause });
  const wanted = alternativeNames(subject);
  if (wanted.length === 0) throw fail('A server certificate needs at least one name or address');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  let ca: Pair;
  try {
    ca =
      (await readPair(directory, 'ca')) ?? (await writePair(directory, 'ca', await createCa(subject.nowMs)));
  } catch (error) {
    throw fail(`The certificate authority in ${directory} cannot be used: ${messageOf(error)}`, error);
  }
  if (new NodeCertificate(ca.certPem).validToDate.getTime() <= subject.nowMs) {
    throw fail(
      `The certificate authority in ${directory} has expired: remove ca.pem and ca.key to make a new one`,
    );
  }
  const known = await readPair(directory, 'server').catch(() => undefined); // Unreadable: made anew.
  const server =
    known !== undefined && isCurrent(known, ca, wanted, subject.nowMs)
      ? known
      : await keepIfPossible(directory, await createServerPair(ca, wanted, subject.nowMs));
  return { caPem: ca.certPem, certPem: server.certPem, keyPem: server.keyPem };
}

/**
 * A certificate of the CA that `loadOrCreateLocalCa` made in `directory`: `known`, or a new one under the
 * conditions told there. Writes nothing.
 * @throws AdapterError
 */
export async function issueFromLocalCa(
  directory: string,
  known: Pair | undefined,
  subject: Subject,
): Promise<Pair & { caPem: string }> {
  const wanted = alternativeNames(subject);
  try {
    const ca = await readPair(directory, 'ca');
    if (ca === undefined) throw new Error('it is not there');
    const current = known !== undefined && isCurrent(known, ca, wanted, subject.nowMs);
    return {
      ...(current ? known : await createServerPair(ca, wanted, subject.nowMs)),
      caPem: ca.certPem,
    };
  } catch (cause) {
    throw new AdapterError(`The certificate authority in ${directory} cannot be used: ${messageOf(cause)}`, {
      operation: 'local-ca',
      target: directory,
      cause,
    });
  }
}

/** A full or read-only disk keeps no service down: the pair then lives as long as this process. */
async function keepIfPossible(directory: string, pair: Pair): Promise<Pair> {
  try {
    return await writePair(directory, 'server', pair);
  } catch (error) {
    if (isErrno(error, 'ENOSPC') || isErrno(error, 'EROFS') || isErrno(error, 'EDQUOT')) return pair;
    throw error;
  }
}

async function createCa(nowMs: number): Promise<Pair> {
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const serial = newSerial();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial,
      // The serial makes the name unique: two appliances' CAs in one trust store stay apart.
      name: `CN=Turnkeep local CA ${serial.slice(0, 8)}, O=Turnkeep`,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(nowMs + CA_DAYS * DAY_MS),
      keys,
      signingAlgorithm: SIGNATURE,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  return { certPem: pem(certificate), keyPem: await privatePem(keys.privateKey) };
}

async function createServerPair(ca: Pair, names: x509.JsonGeneralName[], nowMs: number): Promise<Pair> {
  const issuer = new x509.X509Certificate(ca.certPem);
  const signingKey = await importKey(createPrivateKey(ca.keyPem));
  const keys = await webcrypto.subtle.generateKey(KEY, true, ['sign', 'verify']);
  const caEndsMs = issuer.notAfter.getTime();
  const certificate = await x509.X509CertificateGenerator.create(
    {
      serialNumber: newSerial(),
      // Verifiers read the alternative names only; a subject is there for people.
      subject: 'CN=Turnkeep server, O=Turnkeep',
      issuer: issuer.subject,
      notBefore: new Date(nowMs - BACKDATE_MS),
      notAfter: new Date(Math.min(nowMs + SERVER_DAYS * DAY_MS - BACKDATE_MS, caEndsMs)),
      publicKey: keys.publicKey,
      signingKey,
      signingAlgorithm: SIGNATURE,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension(names),
        await x509.AuthorityKeyIdentifierExtension.create(await issuer.publicKey.export(webcrypto)),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto,
  );
  return { certPem: pem(certificate), keyPem: await privatePem(keys.privateKey) };
}

function isCurrent(server: Pair, ca: Pair, wanted: x509.JsonGeneralName[], nowMs: number): boolean {
  const issuer = new NodeCertificate(ca.certPem);
  const certificate = new NodeCertificate(server.certPem);
  const given = new x509.X509Certificate(server.certPem).getExtension(x509.SubjectAlternativeNameExtension);
  const spelled = (names: x509.JsonGeneralName[]): string =>
    names
      .map(({ type, value }) => `${type}:${type === 'ip' ? (canonicalIp(value) ?? value) : value}`)
      .sort()
      .join(',');
  return (
    certificate.checkPrivateKey(createPrivateKey(server.keyPem)) &&
    certificate.verify(issuer.publicKey) &&
    certificate.validFromDate.getTime() <= nowMs &&
    // One that lives as long as its CA cannot be bettered.
    (certificate.validToDate.getTime() - nowMs >= RENEW_BEFORE_DAYS * DAY_MS ||
      (certificate.validToDate >= issuer.validToDate && certificate.validToDate.getTime() > nowMs)) &&
    spelled(given?.names.toJSON() ?? []) === spelled(wanted)
  );
}

function alternativeNames(subject: Subject): x509.JsonGeneralName[] {
  const names = new Set(subject.names.map((name) => name.toLowerCase()));
  const addresses = new Set(
    subject.addresses.map((address) => {
      const canonical = canonicalIp(address);
      if (canonical === undefined) {
        throw new AdapterError(`Not an IP address: ${address}`, { operation: 'local-ca', target: address });
      }
      return canonical;
    }),
  );
  return [
    ...[...names].map((value) => ({ type: 'dns' as const, value })),
    ...[...addresses].map((value) => ({ type: 'ip' as const, value })),
  ];
}

/** @returns undefined when the certificate is missing; throws when key and certificate do not fit. */
async function readPair(directory: string, name: string): Promise<Pair | undefined> {
  let certPem: string;
  try {
    certPem = await readFile(join(directory, `${name}.pem`), 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
  const keyPem = await readFile(join(directory, `${name}.key`), 'utf8');
  if (!new NodeCertificate(certPem).checkPrivateKey(createPrivateKey(keyPem))) {
    throw new Error(`${name}.pem and ${name}.key do not belong together`);
  }
  return { certPem, keyPem };
}

/** The key first: a certificate on disk always has its key. */
async function writePair(directory: string, name: string, pair: Pair): Promise<Pair> {
  await replaceFile(join(directory, `${name}.key`), pair.keyPem);
  await replaceFile(join(directory, `${name}.pem`), pair.certPem);
  return pair;
}

/** 16 random bytes, positive and without leading zeros (RFC 5280 section 4.1.2.2). */
function newSerial(): string {
  const bytes = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16)));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toString('hex');
}

async function privatePem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

function importKey(key: KeyObject): Promise<webcrypto.CryptoKey> {
  const der = key.export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, KEY, true, ['sign']);
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem').trim()}\n`;
}
