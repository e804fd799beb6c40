/** Where the host's certificates come from (configuration), and what the API says of those an ACME authority issues. */
import { z } from 'zod';
import { parseIp } from '../kit/ip-address.ts';

/** Let's Encrypt's: the authority most hosts use. */
const DEFAULT_DIRECTORY = 'https://acme-v02.api.letsencrypt.org/directory';

const directorySchema = z
  .string()
  .refine(
    (text) => URL.canParse(text) && new URL(text).protocol === 'https:',
    `must be the https address of an ACME directory, for example ${DEFAULT_DIRECTORY}`,
  );

/** @param listenSchema `address:port`, as every listener of the configuration. */
export function certificateKeys<T extends z.ZodType<string>>(listenSchema: T) {
  return z.strictObject({
    source: z.enum(['local-ca', 'acme']).default('local-ca'),
    directory: directorySchema.default(DEFAULT_DIRECTORY),
    directoryCaFile: z.string().min(1).nullable().default(null),
    email: z.email('must be an e-mail address').nullable().default(null),
    agreeToTerms: z.boolean().default(false),
    challenge: z.enum(['http-01', 'dns-01']).default('http-01'),
    httpListen: listenSchema.nullable().default(null),
  });
}

/** Of the whole configuration, what decides about certificates. */
type Wanted = {
  api: { tls: string; publicUrl: string | null };
  turn: { hostName: string | null; certificate: { certFile: string | null } };
  dns: { manager: string; zone: string | null };
  certificates: { source: string; agreeToTerms: boolean; challenge: string };
};

/** What does not go together: nobody finds out from an authority weeks later. Pure. */
export function certificateProblems(config: Wanted): { path: string[]; message: string }[] {
  const { api, turn, dns, certificates } = config;
  // One that is no URL is a problem of its own.
  const publicHost = URL.parse(api.publicUrl ?? '')?.hostname ?? null;
  const isAcme = certificates.source === 'acme';
  const problems: { path: string[]; message: string }[] = [];
  const say = (path: string[], message: string): void => void problems.push({ path, message });
  if (api.tls === 'acme') {
    if (!isAcme) say(['api', 'tls'], 'acme needs certificates.source: acme');
    if (publicHost === null || parseIp(publicHost.replaceAll(/[[\]]/g, '')) !== undefined) {
      say(
        ['api', 'publicUrl'],
        'api.tls: acme needs the DNS name the certificate is for, for example https://video.example.com',
      );
    }
  }
  if (!isAcme) return problems;
  if (!certificates.agreeToTerms) {
    say(['certificates', 'agreeToTerms'], 'read the terms of the authority and set this to true');
  }
  const turnName = turn.certificate.certFile === null ? turn.hostName : null;
  if (turnName === null && api.tls !== 'acme') {
    say(
      ['certificates', 'source'],
      'acme has no name to order a certificate for: set turn.hostName without turn.certificate, or api.tls: acme with api.publicUrl',
    );
  }
  if (certificates.challenge !== 'dns-01') return problems;
  if (dns.manager !== 'rfc2136' || dns.zone === null) {
    say(['certificates', 'challenge'], 'dns-01 needs dns.manager: rfc2136; or use http-01');
    return problems;
  }
  const suffix = `.${dns.zone}`;
  if (turnName !== null && !turnName.endsWith(suffix)) {
    say(['turn', 'hostName'], `dns-01 answers in the zone ${dns.zone} only: use a name in it, or http-01`);
  }
  if (api.tls === 'acme' && publicHost !== null && !publicHost.endsWith(suffix)) {
    say(['api', 'publicUrl'], `dns-01 answers in the zone ${dns.zone} only: use a name in it, or http-01`);
  }
  return problems;
}

export const certificateViewSchema = z.object({
  /** The DNS name it is for. */
  name: z.string(),
  /** Who shows it: `api`, or `turn:NAMESPACE`. */
  usedBy: z.array(z.string()),
  /** `waiting`: there is none yet. `ordering`: one is being ordered. `valid`: the one in use will do. */
  state: z.enum(['waiting', 'ordering', 'valid']),
  issuer: z.string().nullable(),
  fingerprint: z.string().nullable(),
  notBefore: z.string().nullable(),
  notAfter: z.string().nullable(),
  /** When the next one is ordered. */
  nextOrderAt: z.string(),
  /** Why the newest order failed and what to do, in sentences; empty when it did not. */
  problem: z.string(),
});
export type CertificateView = z.infer<typeof certificateViewSchema>;

/** `GET /v1/certificates`. `directory` is null while certificates are not of an ACME authority. */
export const certificateListSchema = z.object({
  directory: z.string().nullable(),
  items: z.array(certificateViewSchema),
});
export type CertificateList = z.infer<typeof certificateListSchema>;

/** `POST /v1/certificates/renew`: one name, or all. Answers with the names that are being ordered. */
export const renewCertificateSchema = z.strictObject({ name: z.string().min(1).max(253).optional() });
export const renewingCertificatesSchema = z.object({ names: z.array(z.string()) });
