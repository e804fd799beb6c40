/** Every bound of the embedded engine, with its reason. Times in milliseconds. */

export const LIMITS = {
  /** Control channels: one a camera. */
  maxClients: 4096,
  /** A camera has one; a second is a restart whose old end was not noticed yet. The oldest goes. */
  maxClientsPerDevice: 4,
  maxTunnels: 4096,
  maxTunnelsPerClient: 8,
  maxLabels: 32,
  maxTextLength: 256,

  /** Connections in any state: descriptors are the resource. */
  maxConnections: 16_384,
  /** Connections in the handshake or before their first frame. */
  maxUndecided: 1024,
  /** The same from one address: many cameras may stand behind one router. */
  maxUndecidedPerSource: 256,
  /** Handshake, and then the first frame or byte. A producer hangs for good on a stalled accept. */
  handshakeMs: 5000,
  firstFrameMs: 5000,

  /** A camera without liveness says something every 5 s. */
  silenceMs: 15_000,
  minHeartbeatMs: 1000,
  maxHeartbeatMs: 300_000,
  maxHeartbeatTimeoutMs: 900_000,
  /** Frames a control channel may send: heartbeats and stream answers need far fewer. */
  controlFrames: { perSecond: 50, burst: 400 },
  /** A peer that leaves this much unread is not listening. */
  maxUnreadBytes: 256 * 1024,

  /** Older producers keep 10 streams they have not accepted yet and drop the rest without a word. */
  maxAskedStreams: 8,
  maxQueuedStreams: 64,
  /** Live and asked for, by tunnel. */
  maxStreamsPerTunnel: 64,
  /** Producers dial up to twice, 10 s each. */
  streamDeadlineMs: 20_000,
  /** After the caller ended its side, the producer has this long to end its own. */
  streamCloseMs: 10_000,
  /** A dead peer on a proxied stream is noticed after this idle time and ten probes of a second. */
  keepAliveAfterMs: 10_000,

  /** After a goodbye frame, until the socket is destroyed. */
  goodbyeMs: 1000,

  /** HTTP side. */
  maxHttpConnections: 1024,
  maxWatchers: 128,
  maxWatcherUnreadBytes: 1024 * 1024,
  httpIdleMs: 120_000,
  responseHeaderMs: 30_000,
  watchPingMs: 15_000,
} as const;
