/** Method, attribute and error code numbers of RFC 8489, RFC 8656 and RFC 6062, by their names there. */

export const METHOD = {
  BINDING: 0x001,
  ALLOCATE: 0x003,
  REFRESH: 0x004,
  SEND: 0x006,
  DATA: 0x007,
  CREATE_PERMISSION: 0x008,
  CHANNEL_BIND: 0x009,
  CONNECT: 0x00a,
  CONNECTION_BIND: 0x00b,
  CONNECTION_ATTEMPT: 0x00c,
} as const;

export const METHOD_NAMES: ReadonlyMap<number, string> = new Map([
  [METHOD.BINDING, 'Binding'],
  [METHOD.ALLOCATE, 'Allocate'],
  [METHOD.REFRESH, 'Refresh'],
  [METHOD.SEND, 'Send'],
  [METHOD.DATA, 'Data'],
  [METHOD.CREATE_PERMISSION, 'CreatePermission'],
  [METHOD.CHANNEL_BIND, 'ChannelBind'],
  [METHOD.CONNECT, 'Connect'],
  [METHOD.CONNECTION_BIND, 'ConnectionBind'],
  [METHOD.CONNECTION_ATTEMPT, 'ConnectionAttempt'],
]);

export const ATTRIBUTE = {
  MAPPED_ADDRESS: 0x0001,
  USERNAME: 0x0006,
  MESSAGE_INTEGRITY: 0x0008,
  ERROR_CODE: 0x0009,
  UNKNOWN_ATTRIBUTES: 0x000a,
  CHANNEL_NUMBER: 0x000c,
  LIFETIME: 0x000d,
  XOR_PEER_ADDRESS: 0x0012,
  DATA: 0x0013,
  REALM: 0x0014,
  NONCE: 0x0015,
  XOR_RELAYED_ADDRESS: 0x0016,
  REQUESTED_ADDRESS_FAMILY: 0x0017,
  EVEN_PORT: 0x0018,
  REQUESTED_TRANSPORT: 0x0019,
  DONT_FRAGMENT: 0x001a,
  MESSAGE_INTEGRITY_SHA256: 0x001c,
  PASSWORD_ALGORITHM: 0x001d,
  XOR_MAPPED_ADDRESS: 0x0020,
  RESERVATION_TOKEN: 0x0022,
  CONNECTION_ID: 0x002a,
  ADDITIONAL_ADDRESS_FAMILY: 0x8000,
  ADDRESS_ERROR_CODE: 0x8001,
  PASSWORD_ALGORITHMS: 0x8002,
  SOFTWARE: 0x8022,
  FINGERPRINT: 0x8028,
} as const;

/**
 * ADDITIONAL-ADDRESS-FAMILY as coturn numbered it before RFC 8656 gave it 0x8000; its client in Debian still does.
 * Unassigned at IANA.
 */
export const COTURN_ADDITIONAL_ADDRESS_FAMILY = 0x8032;

/** Attribute types below this must be understood or refused with 420 (RFC 8489 section 14). */
export const COMPREHENSION_OPTIONAL_FROM = 0x8000;
export const KNOWN_ATTRIBUTES: ReadonlySet<number> = new Set(Object.values(ATTRIBUTE));

export const ERROR_REASONS = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  420: 'Unknown Attribute',
  437: 'Allocation Mismatch',
  438: 'Stale Nonce',
  440: 'Address Family not Supported',
  441: 'Wrong Credentials',
  442: 'Unsupported Transport Protocol',
  443: 'Peer Address Family Mismatch',
  446: 'Connection Already Exists',
  447: 'Connection Timeout or Failure',
  486: 'Allocation Quota Reached',
  508: 'Insufficient Capacity',
} as const;
export type TurnErrorCode = keyof typeof ERROR_REASONS;

/** Protocol numbers of REQUESTED-TRANSPORT. */
export const TRANSPORT_UDP = 17;
export const TRANSPORT_TCP = 6;
