/**
 * The daemon's configuration file: every key with its default, suited to the embedded quickstart.
 * `config/turnkeep.example.yaml` is its manual; a test holds the two together.
 */
import { z } from 'zod';
import { isPrivate, isUnspecified, parseIp } from '../kit/ip-address.ts';
import { certificateProblems, certificateKeys } from './certificates.ts';
import { firewallManagerSchema } from './firewall.ts';
import { ipSchema, portRangeSchema, portSchema } from './names.ts';
import { quotaSchema, quotaTooSmall } from './quota.ts';
import { roomPolicySchema } from './rooms.ts';
import { turnSessionSchema } from './turn-config.ts';
import { sfuAlternativesSchema } from './sfu-alternatives.ts';
import { sfuWorkersSchema } from './sfu-workers.ts';
import { turnLimitsSchema } from './turn-limits.ts';

/** `address:port`, brackets round IPv6. Port 0 lets the system choose. */
const ENDPOINT = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]]+)):([0-9]{1,5})$/;

/** Splits `address:port`. @returns undefined when the text is not of that form. */
export function splitEndpoint(text: string): { host: string; port: number } | undefined {
  const match = ENDPOINT.exec(text);
  if (match === null) return undefined;
  const host = match[1] ?? match[2] ?? '';
  const port = Number(match[3]);
  return port > 65535 ? undefined : { host, port };
}

const listenSchema = z.string().refine((text) => {
  const endpoint = splitEndpoint(text);
  return endpoint !== undefined && parseIp(endpoint.host) !== undefined;
}, 'must be an IP address and a port, for example 127.0.0.1:8080 or [::1]:8080');

const endpointSchema = z
  .string()
  .refine((text) => (splitEndpoint(text)?.port ?? 0) > 0, 'must be a host and a port, for example box:8443');

const originSchema = z.string().refine((text) => {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  return (url.protocol === 'https:' || url.protocol === 'http:') && text.replace(/\/$/, '') === url.origin;
}, 'must be the address people type, without a path, for example https://video.example.com');

/** Where the name of the namespace goes in `turn.hostName`. */
export const NAMESPACE_PLACEHOLDER = '{namespace}';
const HOST_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

/** Checked with the longest name a namespace may have in it. */
const turnHostNameSchema = z.string().refine((text) => {
  const labels = text.replace(NAMESPACE_PLACEHOLDER, 'n'.repeat(32)).split('.');
  const isName = labels.length > 1 && labels.every((label) => HOST_LABEL.test(label));
  return isName && labels.join('.').length <= 253 && !/^[0-9]+$/.test(labels.at(-1) ?? '');
}, 'must be a DNS name in lower case, for example turn.example.com or turn.ns-{namespace}.example.com');

const shieldSchema = ipSchema.superRefine((text, context) => {
  const address = parseIp(text);
  if (address === undefined) return;
  if (isUnspecified(address)) {
    context.addIssue(
      `${text} would open the SFU to every network of this host; name one private address, for example 127.0.0.1`,
    );
  } else if (!isPrivate(address)) {
    context.addIssue(
      `${text} is a public address; the shield must be a private one that only this host's relays reach`,
    );
  }
});

/** A block size that must fit the range it is cut from is checked with the ranges below. */
const blockSizeSchema = z.number().int().min(10).max(10_000);

const portsSchema = z
  .strictObject({
    sfuSignaling: portRangeSchema.default({ minPort: 30000, maxPort: 30099 }),
    sfuMedia: portRangeSchema.default({ minPort: 20000, maxPort: 29999 }),
    sfuMediaPerNamespace: blockSizeSchema.default(500),
    turnRelay: portRangeSchema.default({ minPort: 49152, maxPort: 65535 }),
    turnRelayPerNamespace: blockSizeSchema.default(800),
    turn: portRangeSchema.default({ minPort: 3478, maxPort: 3678 }),
    turns: portRangeSchema.default({ minPort: 5349, maxPort: 5549 }),
  })
  .superRefine((ports, context) => {
    const ranges = (['sfuSignaling', 'sfuMedia', 'turnRelay', 'turn', 'turns'] as const).map((name) => ({
      name,
      ...ports[name],
    }));
    ranges.forEach((one, at) => {
      for (const other of ranges.slice(at + 1)) {
        if (one.minPort > other.maxPort || other.minPort > one.maxPort) continue;
        context.addIssue({
          code: 'custom',
          path: [other.name],
          message: `overlaps ${one.name} (${String(one.minPort)}-${String(one.maxPort)}); every range needs ports of its own`,
        });
      }
    });
    const fits = (
      range: 'sfuMedia' | 'turnRelay',
      size: 'sfuMediaPerNamespace' | 'turnRelayPerNamespace',
    ) => {
      if (ports[range].maxPort - ports[range].minPort + 1 >= ports[size]) return;
      context.addIssue({
        code: 'custom',
        path: [size],
        message: `is more than the whole range ${range} has`,
      });
    };
    fits('sfuMedia', 'sfuMediaPerNamespace');
    fits('turnRelay', 'turnRelayPerNamespace');
  });

const dnsManagerSchema = z.enum(['none', 'rfc2136']);
export type DnsManager = z.infer<typeof dnsManagerSchema>;

/** A zone, in lower case and without the last dot. */
const zoneSchema = z
  .string()
  .max(253)
  .refine(
    (text) => text.split('.').every((label) => HOST_LABEL.test(label)),
    'must be a DNS zone in lower case, for example example.com',
  );

const serverSchema = z.string().refine((text) => {
  const endpoint = splitEndpoint(text);
  return endpoint !== undefined && endpoint.port > 0 && parseIp(endpoint.host) !== undefined;
}, 'must be an IP address and a port, for example 192.0.2.53:53');

const dnsSchema = z
  .strictObject({
    manager: dnsManagerSchema.default('none'),
    server: serverSchema.nullable().default(null),
    zone: zoneSchema.nullable().default(null),
    keyFile: z.string().min(1).nullable().default(null),
    ttlSeconds: z.number().int().min(1).max(86_400).default(60),
  })
  .refine(
    ({ manager, server, zone, keyFile }) =>
      manager === 'none' || (server !== null && zone !== null && keyFile !== null),
    'rfc2136 needs server, zone and keyFile',
  );

const keysSchema = z.strictObject({
  dataDir: z.string().min(1).default('./var'),
  api: z
    .strictObject({
      listen: listenSchema.default('127.0.0.1:8080'),
      publicUrl: originSchema.nullable().default(null),
      tls: z.enum(['off', 'local-ca', 'acme']).default('off'),
      socket: z.string().min(1).nullable().default(null),
      trustedProxies: z.array(ipSchema).max(16).default([]),
    })
    .prefault({}),
  public: z.strictObject({ addresses: z.array(ipSchema).min(1).max(8).default(['127.0.0.1']) }).prefault({}),
  turn: z
    .strictObject({
      bindAddresses: z.array(ipSchema).min(1).max(8).default(['127.0.0.1']),
      credentialTtlSeconds: z.number().int().min(60).max(86400).default(600),
      encryptedOnly: z.boolean().default(false),
      hostName: turnHostNameSchema.nullable().default(null),
      certificate: z
        .strictObject({
          certFile: z.string().min(1).nullable().default(null),
          keyFile: z.string().min(1).nullable().default(null),
        })
        .refine(
          ({ certFile, keyFile }) => (certFile === null) === (keyFile === null),
          'needs both certFile and keyFile; leave both null to use the local CA',
        )
        .prefault({}),
      maxSessionSeconds: turnSessionSchema.shape.maxSeconds,
      strictExpiry: turnSessionSchema.shape.strictExpiry,
      clockSkewSeconds: turnSessionSchema.shape.clockSkewSeconds,
      limits: turnLimitsSchema.prefault({}),
    })
    .prefault({}),
  shield: z.strictObject({ address: shieldSchema.default('127.0.0.1') }).prefault({}),
  ports: portsSchema.prefault({}),
  dns: dnsSchema.prefault({}),
  certificates: certificateKeys(listenSchema).prefault({}),
  firewall: z
    .strictObject({
      manager: firewallManagerSchema.default('none'),
      alsoAllow: z.array(portSchema).max(16).default([443]),
    })
    .prefault({}),
  tunnels: z
    .strictObject({
      embedded: z
        .strictObject({
          listen: listenSchema.default('127.0.0.1:8443'),
          advertise: endpointSchema.nullable().default(null),
        })
        .prefault({}),
    })
    .prefault({}),
  sfu: z
    .strictObject({
      workers: sfuWorkersSchema.default(1),
      alternatives: sfuAlternativesSchema.default([]),
    })
    .prefault({}),
  rooms: roomPolicySchema.prefault({}),
  viewers: z
    .strictObject({ credentialTtlSeconds: z.number().int().min(60).max(3600).default(900) })
    .prefault({}),
  services: z
    .strictObject({
      manager: z.enum(['child-process', 'systemd']).default('child-process'),
      stopOnExit: z.boolean().default(true),
      quota: quotaSchema.prefault({}),
    })
    .prefault({}),
  logging: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') })
    .prefault({}),
});

/** Keys that are right each by itself, and do not go together. */
export const daemonConfigSchema = keysSchema.superRefine((config, context) => {
  for (const { path, message } of certificateProblems(config))
    context.addIssue({ code: 'custom', path, message });
  const { manager, quota } = config.services;
  // Child processes of the daemon are held to no quota.
  const small = manager === 'systemd' ? quotaTooSmall(quota, config.sfu.workers) : undefined;
  if (small !== undefined) {
    const { key, message } = small;
    context.addIssue({ code: 'custom', path: ['services', 'quota', key], message });
  }
});
export type DaemonConfig = z.output<typeof daemonConfigSchema>;
