/** What the daemon renders for one `turnkeep-sfu@<namespace>` process: a JSON file, mode 0600. */
import { z } from 'zod';
import { ipSchema, namespaceNameSchema, portRangeSchema, portSchema } from './names.ts';
import { sfuAlternativesSchema } from './sfu-alternatives.ts';
import { sfuWorkersSchema } from './sfu-workers.ts';
import { DEFAULT_ROOM_POLICY, roomPolicySchema } from './rooms.ts';
import { addressBlockSchema } from './turn-config.ts';

export const sfuServiceConfigSchema = z.strictObject({
  version: z.literal(1),
  namespace: namespaceNameSchema,
  /** The shield address: every socket of the SFU binds to it and to nothing else. */
  shield: ipSchema,
  /** WebSocket listener for the daemon's signaling gateway, on the shield. */
  signaling: z.strictObject({
    port: portSchema,
    /** HMAC key (base64url, 32 bytes) of the tickets the gateway presents; see credentials/room-ticket.ts. */
    ticketKey: z.string().min(32),
  }),
  /** UDP block on the shield. The first port is the shared media port; further workers have the next ones. */
  media: portRangeSchema,
  /** The only sources of datagrams that are looked at: relay blocks of this namespace's TURN services. */
  relays: z.array(addressBlockSchema).max(64),
  /** What viewers are told, and the secret their credentials are derived from. */
  turn: z.strictObject({
    uris: z.array(z.string()).min(1).max(32),
    secret: z.string().min(16),
    ttlSeconds: z.number().int().min(30).max(86400),
  }),
  limits: z.strictObject({
    rooms: z.number().int().min(1),
    participantsPerRoom: z.number().int().min(1),
    sessions: z.number().int().min(1),
    tracksPerParticipant: z.number().int().min(1),
    /** Participants of one room that publish something. */
    publishersPerRoom: z.number().int().min(1).default(50),
    subscriptionsPerSession: z.number().int().min(1),
  }),
  rooms: roomPolicySchema.default(DEFAULT_ROOM_POLICY),
  /** Told to clients when this service is about to stop. */
  alternatives: sfuAlternativesSchema.default([]),
  /** Processes that the rooms are spread over; 1: this process serves them itself. */
  workers: sfuWorkersSchema.default(1),
  /** Set in the file of a worker: which one it is, and its signaling listener, a unix socket, instead of the port. */
  worker: z
    .strictObject({ index: z.number().int().min(0), signalingSocket: z.string().min(1) })
    .nullable()
    .default(null),
  controlSocket: z.string(),
});
export type SfuServiceConfig = z.infer<typeof sfuServiceConfigSchema>;

export const DEFAULT_SFU_LIMITS: SfuServiceConfig['limits'] = {
  rooms: 500,
  participantsPerRoom: 200,
  sessions: 1000,
  tracksPerParticipant: 8,
  publishersPerRoom: 50,
  subscriptionsPerSession: 64,
};
