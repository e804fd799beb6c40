/** What a tile is decided from, and what comes out. */

/** Shape, word and colour of a state. */
export type StateName =
  'live' | 'connecting' | 'idle' | 'paused' | 'offline' | 'degraded' | 'error' | 'unknown';

/** The camera, from live events. */
export type DeviceFacts = {
  name: string;
  /** Set when it may no longer be watched: deleted, or the role lost `live_view`. */
  gone: { reason: 'deleted' | 'forbidden'; atMs: number } | null;
  state: 'online' | 'offline' | 'unknown';
  lastSeenAtMs: number | null;
  /** When this browser learnt that the camera went offline; null when it was so from the start. */
  offlineSinceMs: number | null;
  /** The camera is known to send nothing to the SFU although it is connected. */
  noVideo: { sinceMs: number; message: string | null } | null;
};

/** The subscription at the SFU, from the viewer. */
export type SubscriptionFacts = {
  /** When the present wish to see the picture began; null: nobody wants it. */
  sinceMs: number | null;
  /** How many of access, relay, camera and picture are done. */
  stepsDone: 0 | 1 | 2 | 3 | 4;
  /** Which of them is waited for. */
  waitsFor: 'access' | 'relay' | 'camera' | 'picture';
  unsupportedCodec: string | null;
  refusal: { code: string; message: string; retryAtMs: number | null } | null;
  /** Relay transports that were tried in vain, for example `udp 3478`. */
  blockedTransports: string[] | null;
  /** Set while the server holds the picture back because this viewer is too slow. */
  slow: { sentence: string; retryAtMs: number | null } | null;
  sourceLost: { message: string; sinceMs: number } | null;
  recovery: {
    rung: 'key-frame' | 'ice-restart' | 'new-session';
    takenAtMs: number;
    nextAtMs: number;
    attempt: number;
  } | null;
};

/** This <video>. */
export type VideoFacts = {
  playRejected: boolean;
  lastFrameAtMs: number | null;
  /** The worst figure while the picture is bad ("4.2 % loss"), and when it was last bad. */
  trouble: { text: string; lastBadAtMs: number } | null;
};

/** The page around it. */
export type PageFacts = {
  /** The tile is on screen, the page visible, and the play budget allows it. */
  plays: boolean;
  /** Since when the live socket has been down; null while it is up. */
  liveDownSinceMs: number | null;
};

export type TileAction = 'see-why' | 'why-black' | 'play' | 'try-now' | 'copy-network' | 'back-to-wall';

export type TileView = {
  /** Row of the state table. */
  row: 1 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15 | 16;
  state: StateName;
  /** The state in a word, for the accessible name: "offline". */
  word: string;
  /** Over the picture; null when the picture speaks for itself. */
  cover: {
    title: string;
    text: string;
    /** Said only where there is room. */
    more: string | null;
    /** A ring turns before the sentence: something is being tried. */
    busy: boolean;
    action: { id: TileAction; label: string } | null;
  } | null;
  /** `shaded`: the last frame under the shade; `none`: only the well. */
  picture: 'shown' | 'shaded' | 'none';
  /** Segments that are lit, of 4; null: no segments. */
  steps: number | null;
  /** Figure beside the name. */
  why: string | null;
  /** What a screen reader hears when this state is entered. */
  says: { text: string; politeness: 'polite' | 'assertive' } | null;
};
