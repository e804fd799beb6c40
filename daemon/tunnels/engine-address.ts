/** The address of an engine as rstream writes it. */
import { AdapterError } from '../kit/errors.ts';

export const DEFAULT_ENGINE_PORT = 443;

/** `port` is undefined when the text has none. */
export type EngineAddress = { host: string; port: number | undefined };

/** Parses `host[:port]`, IPv6 in brackets. Throws AdapterError on a scheme, a path or a bad port. */
export function parseEngineAddress(text: string): EngineAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? undefined : Number(match[3]);
  if (host === undefined || (port !== undefined && (port < 1 || port > 65_535))) {
    throw new AdapterError(`The engine address must be host[:port], not "${text}"`, {
      operation: 'tunnel.connect',
      target: text,
    });
  }
  return { host, port };
}
