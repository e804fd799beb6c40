/**
 * Why a viewer has no picture: the steps between a credential and a decoded frame, each the cause of the next,
 * and one sentence that names the first that is missing. Pure.
 */
import type { ViewerStep, ViewerTimeline } from '../../contract/rooms.ts';

/** All times in ms since the epoch; null: it has not happened. */
export type ViewerFacts = {
  nowMs: number;
  trackId: string | null;
  kind: 'audio' | 'video';
  /** The session was opened with a valid credential, and TURN credentials were sent. */
  sessionAtMs: number;
  /** Its signaling socket is there. */
  connected: boolean;
  source: {
    /** Why the room's source is away. */
    lost: string | null;
    /** `publisher` or `moderator` has muted it. */
    mutedBy: 'publisher' | 'moderator' | null;
    lastPacketAtMs: number | null;
    keyFrames: number;
    /** What is wrong with the stream itself (B-frames, a higher level than declared), with the remedy. */
    problem: string | null;
  };
  /** It has left the track out itself, or cannot play it. */
  unwanted: boolean;
  /** The codec of the track, where its browser has answered that it cannot decode that. */
  undecodable: string | null;
  paused: boolean;
  /** Its path does not carry the track at all. */
  held: boolean;
  /** Its path does not carry all of the track: whole pictures are left out for it now. */
  behind: boolean;
  connection: ConnectionFacts | null;
  packetAtMs: number | null;
  keyFrameAtMs: number | null;
  /** As the viewer itself has reported. */
  decodedAtMs: number | null;
  /** It reports what it decodes at all. */
  reports: boolean;
};

export type ConnectionFacts = {
  offeredAtMs: number | null;
  answeredAtMs: number | null;
  /** The first candidate of a relay of this namespace. */
  relayAtMs: number | null;
  /** Candidates that are none. */
  otherCandidates: number;
  iceAtMs: number | null;
  dtlsAtMs: number | null;
  /** Why it ended by itself. */
  ended: string | null;
};

const STALE_MS = 3000;
const BEHIND = 'network is too slow for all of the track: whole pictures are left out for it.';

export function viewerTimeline(facts: ViewerFacts): ViewerTimeline {
  const link = facts.connection;
  const times: [ViewerStep['id'], number | null][] = [
    ['credential', facts.sessionAtMs],
    ['allocation', link?.relayAtMs ?? null],
    ['ice', link?.iceAtMs ?? null],
    ['dtls', link?.dtlsAtMs ?? null],
    ['packet', facts.packetAtMs],
    ['key-frame', facts.kind === 'audio' ? facts.packetAtMs : facts.keyFrameAtMs],
    ['decoded', facts.decodedAtMs],
  ];
  // A step that is done had all before it, also where nobody has seen them.
  const last = times.findLastIndex(([, atMs]) => atMs !== null);
  const steps = times.map(([id, atMs], at): ViewerStep => ({ id, done: at <= last, atMs }));
  const missing = steps[last + 1]?.id ?? null;
  return { trackId: facts.trackId, kind: facts.kind, steps, missing, sentence: sentenceOf(missing, facts) };
}

function sentenceOf(missing: ViewerStep['id'] | null, facts: ViewerFacts): string {
  if (missing === null)
    return afterwards(facts) ?? `It has a picture${facts.behind ? `, but its ${BEHIND}` : '.'}`;
  const link = facts.connection;
  const connecting = missing === 'allocation' || missing === 'ice' || missing === 'dtls';
  if (!facts.connected && connecting) {
    return 'Its signaling connection is lost: it is waited for, for 30 s, before its session ends.';
  }
  if (connecting && link === null) return nothingToSend(facts) ?? 'No track was offered to it yet.';
  if (link !== null && link.ended !== null) return `Its media connection ended: ${link.ended}`;
  switch (missing) {
    case 'credential':
      return 'It has no valid credential.';
    case 'allocation':
      return noAllocation(link);
    case 'ice':
      return 'Its relay is there, but no path from the relay to the SFU: check that the TURN service may reach the SFU.';
    case 'dtls':
      return 'The path is there, but the DTLS handshake is not done: large datagrams may get lost on the way.';
    case 'packet':
      return nothingToSend(facts) ?? 'It is connected, but nothing was sent to it yet.';
    case 'key-frame':
      return facts.source.keyFrames === 0
        ? 'The source has sent no key frame since it began: its encoder does not answer the requests for one.'
        : (nothingToSend(facts) ?? 'Packets reach it, and the next key frame is waited for.');
    case 'decoded':
      return nothingToSend(facts) ?? notDecoded(facts);
  }
}

function noAllocation(link: ConnectionFacts | null): string {
  if (link === null || link.answeredAtMs === null) return 'It has not answered the offer of the SFU.';
  return link.otherCandidates > 0
    ? 'It sends candidates, but none of a relay of this namespace: its browser must use iceTransportPolicy "relay".'
    : 'It has no relay: no TURN address answered it. A firewall may block UDP, TCP and TLS to them.';
}

function notDecoded({ reports, behind, source }: ViewerFacts): string {
  const problem = source.problem ?? (behind ? `Its ${BEHIND}` : null);
  if (!reports) {
    const told = 'A key frame was sent to it; its browser has not reported a decoded frame.';
    return problem === null ? told : `${told} ${problem}`;
  }
  const why = problem ?? 'Packets get lost, or it cannot decode this stream.';
  return `A key frame was sent to it, but its browser has decoded no frame. ${why}`;
}

/** Why there is nothing to send to anybody, or not to this one. */
function nothingToSend(facts: ViewerFacts): string | null {
  const { trackId, source, unwanted, undecodable, paused, held, nowMs } = facts;
  if (source.lost !== null) return source.lost;
  if (trackId === null) return 'Nobody publishes in this room.';
  if (undecodable !== null) {
    return `Its browser cannot decode ${undecodable}, the codec of this track: it needs a decoder for that, or the camera another codec.`;
  }
  if (unwanted) return 'It does not watch this track: it left it out.';
  if (source.mutedBy === 'moderator') return 'A moderator has muted the track.';
  if (source.mutedBy === 'publisher') return 'Its publisher has muted the track.';
  if (source.lastPacketAtMs === null) return 'The publisher has sent nothing yet.';
  if (nowMs - source.lastPacketAtMs > STALE_MS) {
    const seconds = Math.round((nowMs - source.lastPacketAtMs) / 1000);
    return `The publisher has sent nothing for ${String(seconds)} s.`;
  }
  if (held) return 'Its network is too slow for the track: it is held back until there is room for it.';
  return paused ? 'The viewer has paused it.' : null;
}

/** It had a picture once: what stands in the way now. */
function afterwards(facts: ViewerFacts): string | null {
  const ended = facts.connection?.ended ?? null;
  if (ended !== null) return `It had a picture until its connection ended: ${ended}`;
  const why = nothingToSend(facts);
  return why === null ? null : `It had a picture. Now: ${why}`;
}
