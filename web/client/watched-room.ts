/** One room that a viewer watches: what is wanted, what the server said, and the stream a <video> shows. */
import type { TrackInfo } from '../../daemon/contract/signaling.ts';
import type { Recovery } from './recovery.ts';
import type { Refusal } from './signaling-session.ts';

/** `off`: nothing is sent to us and the camera may rest; `paused`: resumes at once. */
export type Desired = 'play' | 'paused' | 'off';

/** The last thing the server was told about this room in this session. */
export type Told = 'nothing' | 'joining' | Desired;

export class WatchedRoom {
  readonly roomId: string;
  /** The same object for the whole life of the room, so that a tile and the player show it without a gap. */
  readonly stream: MediaStream;
  readonly tracks = new Map<string, TrackInfo>();
  desired: Desired = 'off';
  told: Told = 'nothing';
  refusal: (Refusal & { retryAtMs: number | null }) | null = null;
  /** Codec name this browser cannot decode, for example `AV1`. */
  unsupportedCodec: string | null = null;
  sourceLost: { message: string; sinceMs: number } | null = null;
  /** Why the server holds the picture back, for example a slow network. */
  serverPaused: string | null = null;
  recovery: Recovery | null = null;
  /** When the present wish to see it began. */
  playSinceMs = 0;
  lastFrameAtMs: number | null = null;
  firstPacketAtMs: number | null = null;
  /** The video track whose first frame the server was told of in this session. */
  toldFrameOf: string | null = null;
  cancelRetry: () => void = () => undefined;

  constructor(roomId: string, stream: MediaStream) {
    this.roomId = roomId;
    this.stream = stream;
  }

  get video(): TrackInfo | undefined {
    return [...this.tracks.values()].find((track) => track.kind === 'video');
  }

  /** A fresh session knows nothing of the old one; the stream keeps its last picture. */
  forgetSession(): void {
    this.tracks.clear();
    this.told = 'nothing';
    this.refusal = null;
    this.serverPaused = null;
    this.firstPacketAtMs = null;
    this.toldFrameOf = null;
    this.cancelRetry();
  }
}
