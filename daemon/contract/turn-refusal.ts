/**
 * One refusal of a TURN service as its journal keeps it, and its sentence. The service tells facts, the
 * words are made here, once, for API, console and command line.
 */
import { z } from 'zod';

const plain = <const Reason extends string>(reason: Reason): z.ZodObject<{ reason: z.ZodLiteral<Reason> }> =>
  z.object({ reason: z.literal(reason) });

/** Why, as a closed set of facts. Texts inside are addresses, names of our own, or counted numbers. */
export const refusalDetailSchema = z.discriminatedUnion('reason', [
  /** `peer` is an endpoint, or an address where no port was named; `policyReason` is the policy's word. */
  z.object({ reason: z.literal('peer-not-allowed'), peer: z.string(), policyReason: z.string() }),
  /** A limit by its name in the configuration. */
  z.object({ reason: z.literal('quota'), bucket: z.string() }),
  z.object({
    reason: z.literal('credential'),
    why: z.enum(['unknown-username', 'wrong-password', 'expired', 'revoked', 'wrong-realm']),
  }),
  /** A request in a session that somebody else opened. */
  plain('other-user'),
  plain('draining'),
  plain('no-relay-port'),
  plain('reservation-unknown'),
  plain('session-exists'),
  plain('no-session'),
  plain('address-family'),
  plain('relay-transport'),
  /** Connect in a session that relays datagrams, or ChannelBind in one that relays TCP. */
  plain('relay-kind'),
  /** Of TCP relaying: `peer` is an endpoint. */
  z.object({ reason: z.literal('connection-exists'), peer: z.string() }),
  z.object({ reason: z.literal('peer-unreachable'), peer: z.string() }),
  plain('connection-unknown'),
  /** An attribute is missing, malformed, or does not go with another one. */
  plain('attribute'),
  z.object({ reason: z.literal('unknown-attribute'), types: z.array(z.number().int()) }),
  /** A code without a word of its own yet. */
  plain('other'),
]);
export type RefusalDetail = z.infer<typeof refusalDetailSchema>;
export type RefusalReason = RefusalDetail['reason'];

/** `client` is an endpoint. `username` is what was claimed: proven only where `reason` is not `credential`. */
export const turnRefusalRecordSchema = z.object({
  atMs: z.number(),
  method: z.string(),
  code: z.number().int(),
  client: z.string(),
  username: z.string().nullable(),
  detail: refusalDetailSchema,
});
export type TurnRefusalRecord = z.infer<typeof turnRefusalRecordSchema>;

/** What the policy's words say of a peer. */
const PEER_SENTENCES: Readonly<Record<string, string>> = {
  'not-an-sfu': 'is not an SFU of this namespace',
  're-encoded': 'hides an IPv4 address that this session cannot reach',
  'wrong-family': 'has an address family that this session has no relay for',
  'port-zero': 'has port 0, where nothing can listen',
  'own-address': 'is an address of this host',
  'special-purpose': 'is no public address: a public relay refuses private, local and reserved ones',
};

const CREDENTIAL_SENTENCES = {
  'unknown-username': 'the username is not one of this namespace',
  'wrong-password': 'the password does not belong to the username',
  expired: 'the credential has expired',
  revoked: 'the subject of the credential is revoked',
  'wrong-realm': 'the request names another realm',
} as const;

/** One clause in words, without a full stop: "peer 10.0.0.5:22 is not an SFU of this namespace". Pure. */
export function refusalSentence({ code, detail }: Pick<TurnRefusalRecord, 'code' | 'detail'>): string {
  switch (detail.reason) {
    case 'peer-not-allowed':
      return `peer ${detail.peer} ${PEER_SENTENCES[detail.policyReason] ?? `is not allowed (${detail.policyReason})`}`;
    case 'quota':
      return `the limit ${detail.bucket} is reached`;
    case 'credential':
      return CREDENTIAL_SENTENCES[detail.why];
    case 'other-user':
      return 'the session belongs to another username';
    case 'draining':
      return 'the service is drained: it takes no new sessions';
    case 'no-relay-port':
      return 'no relay port is free';
    case 'reservation-unknown':
      return 'the reservation token is not known, or has expired';
    case 'session-exists':
      return 'the client has a session on this address and port already';
    case 'no-session':
      return 'the client has no session on this address and port';
    case 'address-family':
      return 'there is no relay address of the wanted family';
    case 'relay-transport':
      return 'the wanted kind of relaying is not offered here';
    case 'relay-kind':
      return 'the session does not relay what the request asks for: one relays datagrams, or TCP';
    case 'connection-exists':
      return `there is a connection to peer ${detail.peer} already`;
    case 'peer-unreachable':
      return `peer ${detail.peer} refused the connection or did not answer in time`;
    case 'connection-unknown':
      return 'no data connection of this id waits to be bound';
    case 'attribute':
      return 'the request is not well formed: an attribute is missing or wrong';
    case 'unknown-attribute':
      return `the request asks for what is not supported here (attribute ${detail.types.map(hex).join(', ')})`;
    case 'other':
      return `the request was refused with ${String(code)}`;
  }
}

function hex(type: number): string {
  return `0x${type.toString(16).padStart(4, '0')}`;
}
