/**
 * One camera's room as the console watches it: what is wanted of it, and the stream a <video> shows. What the
 * server says of it is the client library's to know: see JoinedRoom and RemoteTrack.
 */
import type { JoinedRoom, RoomEvents } from '../../client/joined-room.ts';
import type { Recovery } from '../../client/recovery.ts';
import { codecName } from '../../client/relay-names.ts';
import type { RemoteTrack } from '../../client/remote-track.ts';

/** `off`: nothing is sent to us and the camera may rest; `paused`: resumes at once. */
export type Desired = 'play' | 'paused' | 'off';

export class WatchedRoom {
  readonly roomId: string;
  /** The same object for the whole life of the room, so that a tile and the player show it without a gap. */
  readonly stream: MediaStream;
  /** Undefined while nobody has wanted it, after a moderator ended it, and while the page rests. */
  joined: JoinedRoom | undefined;
  desired: Desired = 'off';
  /** Lines it is shown at, in device pixels; null: as many as there are. */
  height: number | null = null;
  /** Why a moderator sent us away; it stands until somebody wants the room again. */
  kicked: string | null = null;
  /** The server found that this browser cannot take the codec, whatever the browser says. */
  refusedCodec = false;
  /** When the present wish to see it began. */
  playSinceMs = 0;

  constructor(roomId: string, stream: MediaStream) {
    this.roomId = roomId;
    this.stream = stream;
  }

  get tracks(): RemoteTrack[] {
    return this.joined?.tracks ?? [];
  }

  get video(): RemoteTrack | undefined {
    return this.tracks.find((track) => track.kind === 'video');
  }

  get refusal(): RoomEvents['refused'] | null {
    if (this.kicked !== null) return { code: 'kicked', message: this.kicked, retryAtMs: null };
    return this.joined?.refusal ?? null;
  }

  /** Codec name this browser cannot decode, for example `AV1`. */
  get unsupportedCodec(): string | null {
    const { video } = this;
    if (video === undefined) return this.refusedCodec ? codecName('video/unknown') : null;
    return this.refusedCodec || !video.playable ? codecName(video.mimeType) : null;
  }

  get sourceLost(): { message: string; sinceMs: number } | null {
    return this.joined?.sourceLost ?? null;
  }

  /** Why the server holds the picture back, for example a slow network. */
  get serverPaused(): string | null {
    return this.video?.heldBack ?? null;
  }

  get recovery(): Recovery | null {
    return this.video?.recovery ?? null;
  }

  get firstPacketAtMs(): number | null {
    return this.video?.firstPacketAtMs ?? null;
  }

  /** Puts what arrives now into the stream. Without a successor the old track stays: its last picture is shown shaded. */
  fill(): void {
    const arriving = this.tracks.flatMap(({ mediaStreamTrack }) => mediaStreamTrack ?? []);
    if (arriving.length === 0) return;
    const { stream } = this;
    for (const track of stream.getTracks()) if (!arriving.includes(track)) stream.removeTrack(track);
    for (const track of arriving) if (!stream.getTracks().includes(track)) stream.addTrack(track);
  }
}
