/** Whether a browser's request comes from our own pages: cookies count only then. Pure. */

export type OriginFacts = {
  /** The `Origin` header. */
  origin: string | undefined;
  /** As the request came in: `https` when TLS ended here or at a trusted proxy. */
  protocol: string;
  /** The `Host` header, with its port. */
  host: string | undefined;
  /** Our configured address, if any. */
  publicUrl: string | null;
};

/** True when `Origin` names this server itself. A missing or opaque origin does not. */
export function isOwnOrigin({ origin, protocol, host, publicUrl }: OriginFacts): boolean {
  if (origin === undefined || !URL.canParse(origin)) return false;
  const given = new URL(origin).origin;
  if (given === 'null') return false;
  if (publicUrl !== null && given === new URL(publicUrl).origin) return true;
  if (host === undefined || !URL.canParse(`${protocol}://${host}`)) return false;
  return given === new URL(`${protocol}://${host}`).origin;
}
