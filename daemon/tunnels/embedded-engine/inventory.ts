/** The engine's lists in rstream's JSON, cut to what a token may see and to what the caller asked for. */
import { z } from 'zod';
import { filtersSchema, listedFields, matches, type Filters, type Grants } from '../grants.ts';
import { HttpRefusal } from './http-request.ts';
import type { EngineClient } from './tunnel-registry.ts';
import { grantedTunnel, type Tunnel } from './tunnel.ts';

const MAX_PARAMS_LENGTH = 4096;
const listParamsSchema = z.strictObject({
  limit: z.number().int().min(1).max(1000).optional(),
  filters: filtersSchema.optional(),
});
export type ListParams = z.infer<typeof listParamsSchema>;
const watchParamsSchema = z.strictObject({
  tunnels: filtersSchema.optional(),
  clients: z.record(z.string(), z.unknown()).optional(),
});
export type WatchParams = z.infer<typeof watchParamsSchema>;

export type Json = Record<string, unknown>;

/** Parses `?params=<JSON>`. Throws HttpRefusal 400. */
export function listParams(text: string | null): ListParams {
  return parseParams(listParamsSchema, text);
}

/** Parses the `params` of the two watch endpoints. Throws HttpRefusal 400. */
export function watchParams(text: string | null): WatchParams {
  return parseParams(watchParamsSchema, text);
}

/** A tunnel as the bearer may see it; undefined when not at all or when it does not fit the filters. */
export function visibleTunnel(tunnel: Tunnel, grants: Grants, filters?: Filters): Json | undefined {
  const granted = grantedTunnel(tunnel);
  const fields = listedFields(grants, granted);
  if (fields === undefined || (filters !== undefined && !matches(filters, granted))) return undefined;
  const all: Json = {
    ...granted,
    host: tunnel.port === 443 ? tunnel.hostname : `${tunnel.hostname}:${String(tunnel.port)}`,
    port: tunnel.port,
    creation_date: new Date(tunnel.createdAtMs).toISOString(),
  };
  if (fields === 'all') return all;
  return Object.fromEntries(Object.entries(all).filter(([key]) => fields.has(key)));
}

/** Clients are not tunnels, so a grant with filters shows none of them. */
export function seesClients(grants: Grants): boolean {
  if ('AND' in grants) return grants.AND.every(seesClients);
  if ('OR' in grants) return grants.OR.some(seesClients);
  const { list } = grants.scopes.tunnels;
  return (
    list === true || (typeof list === 'object' && list.filters === undefined && list.select === undefined)
  );
}

export function clientJson(client: EngineClient): Json {
  const { agent, channel, version, os, arch, protocolVersion } = client.details;
  return {
    id: client.id,
    status: 'online',
    agent,
    channel,
    version,
    os,
    arch,
    protocol_version: protocolVersion,
  };
}

function parseParams<T>(schema: z.ZodType<T>, text: string | null): T {
  if (text === null) return schema.parse({});
  if (text.length > MAX_PARAMS_LENGTH) throw new HttpRefusal(400, 'params is too long');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new HttpRefusal(400, 'params is not JSON');
  }
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new HttpRefusal(400, 'params is not valid');
  return parsed.data;
}
