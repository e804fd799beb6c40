/**
 * What the DTLS library leaves out: that the client owns the key of its certificate (CertificateVerify,
 * RFC 5246 section 7.4.8) and that nobody changed the handshake (Finished, section 7.4.9). Without both,
 * the fingerprint in the SDP proves nothing against someone on the path. Pure.
 */
import { createHash, createHmac, timingSafeEqual, verify, X509Certificate } from 'node:crypto';

/** A handshake message as it stands in the transcript. */
export type HandshakeMessage = { msg_type: number; fragment: Buffer; serialize(): Buffer };
/** The fields of the library's DTLS server that are read, after its handshake has ended. */
export type DtlsInsides = {
  dtls: { handshakeCache: Record<string, { isLocal: boolean; data: HandshakeMessage[] }> };
  cipher: { remoteCertificate?: Buffer | undefined; masterSecret: Buffer };
};

const CERTIFICATE_VERIFY = 15;
const FINISHED = 20;
const VERIFY_DATA_BYTES = 12;
/** RFC 5246 section 7.4.1.4.1; SHA-1 and MD5 are not accepted. */
const HASHES: Readonly<Record<number, string>> = { 4: 'sha256', 5: 'sha384', 6: 'sha512' };
/** The server's last flight: not part of what the client has signed. */
const SERVER_FINISHED_FLIGHT = 6;

/** Returns when the client has proved its key and the transcript. @throws Error with a short reason. */
export function verifyClientProof(insides: DtlsInsides): void {
  const transcript = Object.entries(insides.dtls.handshakeCache)
    .filter(([flight]) => Number(flight) < SERVER_FINISHED_FLIGHT)
    .sort(([a], [b]) => Number(a) - Number(b))
    .flatMap(([, { data }]) => data);
  const verifyAt = transcript.findIndex((message) => message.msg_type === CERTIFICATE_VERIFY);
  const finishedAt = transcript.findIndex((message) => message.msg_type === FINISHED);
  const proof = transcript[verifyAt];
  const finished = transcript[finishedAt];
  const certificate = insides.cipher.remoteCertificate;
  if (proof === undefined || finished === undefined || certificate === undefined) {
    throw new Error('the peer sent no certificate proof');
  }
  if (verifyAt !== finishedAt - 1 || finishedAt !== transcript.length - 1) {
    throw new Error('the handshake is out of order');
  }
  const bytesBefore = (end: number): Buffer =>
    Buffer.concat(transcript.slice(0, end).map((message) => message.serialize()));

  const hash = HASHES[proof.fragment[0] ?? 0];
  if (hash === undefined || proof.fragment.length < 4) throw new Error('the certificate proof is unreadable');
  const signature = proof.fragment.subarray(4, 4 + proof.fragment.readUInt16BE(2));
  const key = new X509Certificate(certificate).publicKey;
  if (!verify(hash, bytesBefore(verifyAt), key, signature)) {
    throw new Error('the peer does not own its certificate');
  }

  const wanted = clientVerifyData(insides.cipher.masterSecret, bytesBefore(finishedAt));
  const given = finished.fragment;
  if (given.length !== VERIFY_DATA_BYTES || !timingSafeEqual(wanted, given)) {
    throw new Error('the handshake was changed on its way');
  }
}

/** RFC 5246 sections 5 and 7.4.9: PRF(master_secret, "client finished", SHA-256(transcript)). */
function clientVerifyData(masterSecret: Buffer, transcript: Buffer): Buffer {
  const seed = Buffer.concat([
    Buffer.from('client finished'),
    createHash('sha256').update(transcript).digest(),
  ]);
  const hmac = (data: Buffer): Buffer => createHmac('sha256', masterSecret).update(data).digest();
  return hmac(Buffer.concat([hmac(seed), seed])).subarray(0, VERIFY_DATA_BYTES);
}
