/** What goes into and comes out of a camera's ingest machine: plain data. */
import type { CapturePolicy } from '../../contract/api.ts';
import type { IngestState } from '../../contract/control.ts';
import type { IngestFault } from './fault.ts';
import type { IngestNote } from './ingest-note.ts';

export type ProducerKind = 'whep' | 'ws';

/** The camera's tunnel as the engine knows it. `unknown`: the engine does not answer. */
export type TunnelView = { state: 'unknown' } | { state: 'offline' } | { state: 'online'; tunnelId: string };

/** An ingest of this camera's room that the SFU already has. `note` is null when it is not ours to read. */
export type FoundIngest = { ingestId: string; state: IngestState; note: IngestNote | null };

export type IngestEvent =
  | { type: 'capture'; capture: CapturePolicy }
  | { type: 'tunnel'; tunnel: TunnelView }
  /** The control connection to the namespace's SFU broke. */
  | { type: 'sfu-lost' }
  /** The control connection is up, and this is what the SFU knows of the room. */
  | { type: 'sfu-ready'; subscribers: number; found: FoundIngest | null }
  | { type: 'demand'; subscribers: number }
  /** Progress of the last `open`. `attempt` tells late answers of an aborted one apart. */
  | { type: 'ingest-opened'; attempt: number }
  | { type: 'answered'; attempt: number; producer: ProducerKind }
  | { type: 'failed'; attempt: number; fault: IngestFault; retryAfterMs: number | null }
  | { type: 'session-closed'; attempt: number }
  /** Answer to `check-session`: whether the camera behind this tunnel still has the session. */
  | { type: 'session-checked'; attempt: number; tunnelId: string; known: boolean }
  /** The namespace's TURN service is another process: no media path of before leads anywhere. */
  | { type: 'relays-restarted' }
  | { type: 'ingest'; ingestId: string; state: IngestState }
  /** Time passed; send it when `nextTickMs` is due. */
  | { type: 'tick' }
  /** The camera was deleted: close everything, for good. */
  | { type: 'remove' };

export type IngestAction =
  /**
   * Dial the tunnel, find the producer's protocol, open the ingest at the SFU (replacing the room's old
   * one), exchange offer and answer. Reported by `ingest-opened`, then `answered` or `failed`.
   */
  | { type: 'open'; attempt: number; ingestId: string; tunnelId: string }
  /** Take over a WHEP session that a former run of the daemon opened. */
  | { type: 'adopt'; attempt: number; note: IngestNote & { producer: 'whep' } }
  /**
   * Ask the camera through this tunnel whether it still has the session. Reported by `session-checked`, or
   * not at all when the camera does not say; the next check replaces one that is under way.
   */
  | { type: 'check-session'; attempt: number; tunnelId: string }
  /** Abort the `open`, or end the session with the camera. Never answered. */
  | { type: 'close-session'; attempt: number }
  | { type: 'close-ingest'; ingestId: string }
  | { type: 'source-state'; lost: boolean; message: string };

/** A session with the producer, from the answer on. */
export type SessionRef = { attempt: number; producer: ProducerKind; tunnelId: string };

export type IngestPhase =
  /** Nothing is wanted, nothing is open. */
  | { name: 'idle' }
  /** Wanted, without a session: the camera or the SFU is away, or a retry is due at `retryAtMs`. */
  | { name: 'waiting'; retryAtMs: number }
  /** `reached` keeps what the SFU said before the answer was reported. */
  | {
      name: 'opening';
      attempt: number;
      ingestId: string;
      tunnelId: string;
      deadlineMs: number;
      reached: IngestState | null;
    }
  /** Offer and answer are exchanged; ICE and DTLS are on their way. */
  | { name: 'connecting'; session: SessionRef; deadlineMs: number }
  /** DTLS is up; the first RTP is awaited. */
  | { name: 'starting'; session: SessionRef; deadlineMs: number }
  | { name: 'live'; session: SessionRef; flowingSinceMs: number }
  /** RTP stopped; it may come back by itself until the deadline. */
  | { name: 'stalled'; session: SessionRef; deadlineMs: number }
  | { name: 'removed' };
