/** A running TURN service in the console's words: sessions, counters, limits. Pure. */
import type { TurnOperationsStatus, TurnSession } from '../../../daemon/contract/turn-operations.ts';
import { counted, duration } from './wording.ts';

/** `640 B`, `1.2 kB`, `3.4 MB`, `12.0 GB`: powers of 1000, like the counters of a network. */
export function bytes(count: number): string {
  if (count < 1000) return `${String(Math.round(count))} B`;
  const units = ['kB', 'MB', 'GB', 'TB', 'PB'];
  let value = count / 1000;
  let at = 0;
  while (value >= 999.95 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${value.toFixed(1)} ${units[at] ?? ''}`;
}

/** `512 MiB`, `2 GiB`, `1.5 GiB`: memory, as quotas are given in. */
export function binary(count: number): string {
  const mebi = count / 1024 ** 2;
  if (mebi < 1024) return `${String(Math.round(mebi))} MiB`;
  return `${String(Math.round((mebi / 1024) * 10) / 10)} GiB`;
}

/** Whom a session belongs to: its subject, else the whole username. */
export function sessionName(session: Pick<TurnSession, 'subject' | 'username'>): string {
  return session.subject ?? session.username;
}

/** Newest first: what began a moment ago is what an operator looks for. */
export function sortedSessions(sessions: readonly TurnSession[]): TurnSession[] {
  return [...sessions].sort(
    (a, b) => b.createdAtMs - a.createdAtMs || a.sessionId.localeCompare(b.sessionId),
  );
}

/** How many of the listed sessions have the subject of this one; 1 when it names nobody. */
export function sessionsOfSubject(sessions: readonly TurnSession[], session: TurnSession): number {
  if (session.subject === null) return 1;
  return sessions.filter(({ subject }) => subject === session.subject).length;
}

/** `4 min, ends in 6 min unless refreshed`. */
export function lifeText(session: TurnSession, nowMs: number): { age: string; ends: string } {
  const left = session.expiresAtMs - nowMs;
  return {
    age: duration(nowMs - session.createdAtMs),
    ends: left <= 0 ? 'ends now' : `ends in ${duration(left)} unless refreshed`,
  };
}

/** `10.0.0.2, 10.0.0.3 and 4 more`, and all of them for a title. */
export function permissionText(permissions: readonly string[]): { short: string; all: string } {
  if (permissions.length === 0) return { short: 'none', all: 'none' };
  const more = permissions.length - 2;
  const short =
    more > 0 ? `${permissions.slice(0, 2).join(', ')} and ${String(more)} more` : permissions.join(', ');
  return { short, all: permissions.join(', ') };
}

/** Why a packet was dropped, by its reason in the counters. An unknown reason keeps its own name. */
const DROPS: Readonly<Record<string, string>> = {
  'not-turn': 'not a TURN packet',
  'malformed-stun': 'not a well-formed STUN message',
  'unexpected-class': 'a STUN answer that nobody asked for',
  'unknown-method': 'an indication of an unknown kind',
  'unknown-required-attribute': 'an indication that asks for what is not supported',
  'rate-limited': 'too many requests of one source',
  'unauthorized-limit': 'too many answers to one source that proves nothing',
  'allocate-under-way': 'a packet while its session is being opened',
  'channel-data-short': 'channel data that is cut off',
  'channel-unbound': 'data for a channel that is not bound',
  'indication-incomplete': 'a send indication without peer or data',
  'no-allocation': 'data of a client without a session',
  'no-permission': 'a peer without permission',
  'over-bandwidth': 'over the bandwidth limit',
  'over-packet-rate': 'over the packet limit',
  'peer-refused': 'a peer that may not be reached',
  'peer-family': 'a peer of another address family',
  'would-fragment': 'too large to send in one piece',
  'too-long': 'longer than a datagram can be',
  'send-queue-full': 'the sending queue is full',
  'send-failed': 'the system could not send it',
  'slow-client': 'a client that reads too slowly',
  'stream-broken': 'a broken TCP or TLS stream',
  'connection-limit': 'a connection over the limit',
  'half-open-limit': 'a half-open connection over the limit',
  'tls-handshake': 'a TLS handshake that failed',
  'dtls-handshake': 'a DTLS handshake that failed',
  'dtls-no-session': 'a DTLS packet without a session',
  'dtls-record': 'a broken DTLS record',
  'dtls-message-size': 'a DTLS message that is too long',
  kernel: 'by the kernel, before the service read it: a full receive buffer',
};

/** What a counter of drops counts; `kernel` is the kernel's own. */
export function dropText(reason: string): string {
  return DROPS[reason] ?? reason.replaceAll('-', ' ');
}

export type Drop = { reason: string; text: string; count: number };

/** What was dropped, most first; drops of the kernel are one of them. Reasons without a drop are left out. */
export function drops(status: Pick<TurnOperationsStatus, 'drops' | 'kernelDrops'>): Drop[] {
  const own = Object.entries(status.drops).map(([reason, count]) => ({
    reason,
    text: dropText(reason),
    count,
  }));
  const kernel = {
    reason: 'kernel',
    text: dropText('kernel'),
    count: status.kernelDrops,
  };
  return [...own, kernel].filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
}

const HOLDERS: Readonly<Record<string, string>> = {
  PerUser: 'for each credential',
  PerSubject: 'for each subject',
  PerAllocation: 'for each session',
  PerAddress: 'for each source address',
  OfNode: "of this host's share",
};

/** `allocationsPerSubject` -> `Allocations for each subject`: names are keys of the configuration. */
export function limitText(name: string): string {
  const key = name.split('.').at(-1) ?? name;
  const [suffix, holder] = Object.entries(HOLDERS).find(([end]) => key.endsWith(end)) ?? ['', ''];
  const words = key
    .slice(0, key.length - suffix.length)
    .replaceAll(/([A-Z])/g, ' $1')
    .toLowerCase()
    .trim();
  const text = `${words} ${holder}`.trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export type Limit = TurnOperationsStatus['limits'][number];

/** What was refused or is used most stands first. */
export function sortedLimits(limits: readonly Limit[]): Limit[] {
  const share = ({ used, limit }: Limit): number => (used === undefined || limit === 0 ? 0 : used / limit);
  return [...limits].sort(
    (a, b) => b.refused - a.refused || share(b) - share(a) || a.name.localeCompare(b.name),
  );
}

/** `udp 3478, tcp 3478, tls 5349`, each once; those that are not open apart. */
export function listenerText(listeners: TurnOperationsStatus['listeners']): { open: string; closed: string } {
  const names = (open: boolean): string =>
    [
      ...new Set(
        listeners
          .filter((one) => one.open === open)
          .map(({ transport, port }) => `${transport} ${String(port)}`),
      ),
    ].join(', ');
  return { open: names(true), closed: names(false) };
}

/** Days until the certificate ends, and whether that is trouble. */
export function certificateText(
  certificate: NonNullable<TurnOperationsStatus['certificate']>,
  nowMs: number,
): { state: 'live' | 'degraded' | 'error'; label: string } {
  const days = Math.floor((certificate.notAfterMs - nowMs) / 86_400_000);
  if (certificate.notAfterMs <= nowMs) return { state: 'error', label: 'Ended' };
  return {
    state: certificate.problem !== '' || days < 14 ? 'degraded' : 'live',
    label: `${counted(days, 'day')} left`,
  };
}
