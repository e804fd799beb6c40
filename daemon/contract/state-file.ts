/**
 * The state file (`cluster_state.json`): what a node must bring up after a power cut without asking a
 * database. `{checksum, state}`; the checksum is SHA-256 over `JSON.stringify(state)`. Field names are the
 * file's own and stable: an older daemon's file is read by a newer one.
 */
import { z } from 'zod';
import { portBlocksSchema } from './api.ts';
import { namespaceNameSchema, relayScopeSchema } from './names.ts';
import { ownQuotaSchema } from './quota.ts';
import { turnAccessSchema } from './turn-access.ts';

export const STATE_FILE_VERSION = 1;
/** Far above what a node with thousands of revoked subjects writes. */
export const STATE_FILE_MAX_BYTES = 64 * 1024 * 1024;

export const stateNamespaceSchema = z.strictObject({
  name: namespaceNameSchema,
  has_sfu: z.boolean(),
  has_turn: z.boolean(),
  ports: portBlocksSchema,
  /** Host name of the TURN service; null without DNS. */
  domain: z.string().min(1).max(255).nullable(),
  credential_ttl_seconds: z.number().int().min(30).max(86400),
  relay_scope: relayScopeSchema,
  /** Sealed with the host key, never in clear. */
  sealed_turn_secret: z.string().min(1).max(1024),
  sealed_ticket_key: z.string().min(1).max(1024),
  /** What the TURN service accepts beside `sealed_turn_secret`; a file of before has none. */
  turn_access: turnAccessSchema.prefault({}),
  /** What it may take of the host, where that is not as configured. */
  quota: ownQuotaSchema.prefault({}),
});
export type StateNamespace = z.infer<typeof stateNamespaceSchema>;

export const clusterStateSchema = z.strictObject({
  version: z.literal(STATE_FILE_VERSION),
  /** Grows by one with every write. */
  generation: z.number().int().min(1),
  node: z.string().min(1).max(64),
  saved_at: z.iso.datetime(),
  namespaces: z.array(stateNamespaceSchema).max(1000),
});
export type ClusterState = z.infer<typeof clusterStateSchema>;

export const stateFileSchema = z.strictObject({
  checksum: z.string().regex(/^[0-9a-f]{64}$/),
  state: z.unknown(),
});
