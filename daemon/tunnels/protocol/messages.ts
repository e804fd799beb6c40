/** The messages of rstrm/1 (protocol version 1.4.5), as field tables. The numbers are the contract. */
import {
  boolValue,
  bytes,
  fixed32,
  int32,
  int64,
  message,
  nested,
  repeatedString,
  string,
  stringMap,
  stringValue,
  uint32,
  uint32Value,
  uint64,
  type Decoded,
} from './schema.ts';

export const PROTOCOL_VERSION = '1.4.5';
export const ALPN = 'rstrm/1';

export const ERROR_CODE = {
  unspecified: 0,
  unauthorized: 1000,
  invalidRequest: 2000,
  protocolVersionIncompatible: 2030,
  tunnelNotFound: 3000,
  invalidStream: 4000,
  featureNotAvailable: 5000,
  serviceUnavailable: 6000,
  capacityExhausted: 7000,
  internal: 9000,
} as const;

const error = message({ code: int32(1), message: stringValue(2) });
export type ProtocolError = Decoded<typeof error>;

const ipAddress = message({ v4: fixed32(1), v6: bytes(2) }, [['v4', 'v6']]);

const clientDetails = message({
  agent: stringValue(1),
  channel: stringValue(2),
  version: stringValue(3),
  os: stringValue(4),
  arch: stringValue(5),
  token: stringValue(6),
  protocolVersion: stringValue(7),
});
export type ClientDetails = Decoded<typeof clientDetails>;

const serverDetails = message({
  agent: stringValue(1),
  channel: stringValue(2),
  version: stringValue(3),
  plan: stringValue(4),
  provider: stringValue(5),
  region: stringValue(6),
  update: stringValue(7),
});

const timestamp = message({ seconds: int64(1), nanos: int32(2) });

const tunnelProperties = message({
  id: stringValue(1),
  creationDate: nested(2, timestamp),
  name: stringValue(3),
  type: stringValue(4),
  publish: boolValue(5),
  protocol: stringValue(6),
  labels: stringMap(7),
  geoIp: repeatedString(8),
  trustedIps: repeatedString(9),
  host: stringValue(10),
  tlsMode: stringValue(11),
  tlsAlpns: repeatedString(12),
  tlsMinVersion: stringValue(13),
  tlsCiphers: repeatedString(14),
  mtlsAuth: boolValue(15),
  mtlsCaCertPem: stringValue(16),
  httpVersion: stringValue(17),
  httpUseTls: boolValue(18),
  tokenAuth: boolValue(19),
  rstreamAuth: boolValue(20),
  challengeMode: boolValue(21),
  hostname: stringValue(22),
  port: uint32Value(23),
  upstreamTls: boolValue(24),
  datagramGuaranteedDelivery: boolValue(25),
  allowCrossRegionRouting: boolValue(26),
});
export type TunnelProperties = Decoded<typeof tunnelProperties>;

const liveness = message({ heartbeatIntervalMs: uint32(1), heartbeatTimeoutMs: uint32(2) });
export type Liveness = Decoded<typeof liveness>;

const empty = message({});
const streamError = message({ streamId: string(1), error: nested(2, error) });
const tunnelId = message({ tunnelId: string(1) });

/** Members of the oneof in `Message`: field number and schema, by name. */
export const MESSAGES = {
  OpenControlChannelReq: {
    number: 1,
    schema: message({ clientDetails: nested(1, clientDetails), liveness: nested(2, liveness) }),
  },
  OpenControlChannelRsp: {
    number: 2,
    schema: message(
      {
        ok: nested(
          1,
          message({
            clientId: string(1),
            serverDetails: nested(2, serverDetails),
            liveness: nested(3, liveness),
          }),
        ),
        error: nested(2, error),
      },
      [['ok', 'error']],
    ),
  },
  CloseControlChannelReq: { number: 3, schema: empty },
  CloseControlChannelRsp: { number: 4, schema: empty },
  OpenTunnelReq: {
    number: 5,
    schema: message({ requestId: string(1), tunnelProperties: nested(2, tunnelProperties) }),
  },
  OpenTunnelRsp: {
    number: 6,
    schema: message(
      { requestId: string(1), tunnelProperties: nested(2, tunnelProperties), error: nested(3, error) },
      [['tunnelProperties', 'error']],
    ),
  },
  CloseTunnelReq: { number: 7, schema: tunnelId },
  CloseTunnelRsp: { number: 8, schema: tunnelId },
  ProxyConnReq: {
    number: 9,
    schema: message({
      tunnelId: string(1),
      streamId: string(2),
      secret: stringValue(3),
      sourceIp: nested(4, ipAddress),
      proxyEndpoint: stringValue(5),
    }),
  },
  ProxyConnRsp: { number: 10, schema: streamError },
  ProxyReq: {
    number: 11,
    schema: message({ clientDetails: nested(1, clientDetails), streamId: string(2), zeroRtt: boolValue(3) }),
  },
  ProxyRsp: { number: 12, schema: message({ error: nested(1, error) }) },
  StreamReq: {
    number: 13,
    schema: message({
      clientDetails: nested(1, clientDetails),
      tunnelIdName: string(2),
      zeroRtt: boolValue(3),
      datagramChannel: boolValue(4),
    }),
  },
  StreamRsp: {
    number: 14,
    schema: message({ streamId: string(1), error: nested(2, error) }, [['streamId', 'error']]),
  },
  Heartbeat: { number: 15, schema: message({ sequence: uint64(1), acknowledgement: uint64(2) }) },
  ServerMessage: { number: 16, schema: message({ message: string(1) }) },
  DatagramChannelClose: { number: 17, schema: streamError },
} as const;

export type MessageType = keyof typeof MESSAGES;
export type BodyOf<Type extends MessageType> = Decoded<(typeof MESSAGES)[Type]['schema']>;
export type Message = { [Type in MessageType]: { type: Type; body: BodyOf<Type> } }[MessageType];
