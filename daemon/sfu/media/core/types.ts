/**
 * The media core's border: everything between "a datagram that is SRTP or SRTCP came from this peer" and
 * "send this datagram to that peer". Sans-IO: time comes in as `nowMs`, packets leave through
 * `send`, and the shell calls `tick` when `nextTickMs` says so. It knows no SDP, no room, no socket.
 *
 * A native implementation may take its place later, so the interface is small and carries plain data.
 */

import type { SealedOutlet, SealKeys } from '../../../datagrams/sealed-flow.ts';

export type SrtpProfile = 'AEAD_AES_128_GCM' | 'AES_CM_128_HMAC_SHA1_80';

/** Keys of one DTLS association (RFC 5764 section 4.2), from our point of view. */
export type SrtpKeys = {
  profile: SrtpProfile;
  /** What we protect with. Salt has 12 bytes for GCM and 14 for SHA1. */
  local: { key: Buffer; salt: Buffer };
  /** What we unprotect with. */
  remote: { key: Buffer; salt: Buffer };
};

export type CodecName = 'H264' | 'VP8' | 'VP9' | 'AV1' | 'opus' | 'PCMU' | 'PCMA' | 'G722';

/** What a peer sends us on one media section. */
export type SourceOptions = {
  trackId: string;
  kind: 'audio' | 'video';
  codec: CodecName;
  clockRate: number;
  payloadType: number;
  /** RTX (RFC 4588) payload type, when negotiated. */
  rtxPayloadType: number | undefined;
  /** From `a=ssrc`, when the sender announced them; otherwise the first packet with the right MID or PT binds. */
  ssrc: number | undefined;
  rtxSsrc: number | undefined;
  mid: string;
  /** RFC 8285 ids negotiated on this leg. */
  midExtensionId: number | undefined;
  transportCcExtensionId: number | undefined;
  /** RFC 6464, audio only; handed on to viewers. */
  audioLevelExtensionId: number | undefined;
  /** Video whose layers are told by it only (AV1); handed on to viewers. */
  dependencyDescriptorExtensionId?: number | undefined;
  feedback: { nack: boolean; pli: boolean; transportCc: boolean };
  /**
   * One encoding of several of this section (RFC 8853): only packets with this RtpStreamId are its own.
   * Needs the MID extension, because two sections may use the same ids.
   */
  rid?: string | undefined;
  /** RFC 8852: of media, and of RTX. */
  ridExtensionId?: number | undefined;
  repairedRidExtensionId?: number | undefined;
};

/** What we send a peer on one media section. */
export type DownlinkOptions = {
  kind: 'audio' | 'video';
  payloadType: number;
  rtxPayloadType: number | undefined;
  ssrc: number;
  rtxSsrc: number | undefined;
  mid: string;
  midExtensionId: number | undefined;
  /**
   * Transport-wide numbers, which the viewer's feedback refers to. Only for a section that is never resent
   * on its own SSRC: such a copy must be the same packet to the bit, or the cipher's nonce repeats.
   */
  transportCcExtensionId?: number | undefined;
  /** The viewer's id of what its source hands on: audio level, or dependency descriptor. Undefined: it wants neither. */
  elementExtensionId?: number | undefined;
  /** RTCP CNAME of the SDES we send. */
  cname: string;
  nack: boolean;
};

export type SourceStats = {
  trackId: string;
  /** Of one encoding of several, else null. */
  rid: string | null;
  ssrc: number | null;
  packets: number;
  bytes: number;
  /** Over the last two seconds. */
  bitsPerSecond: number;
  framesPerSecond: number;
  packetsLost: number;
  packetsRecovered: number;
  jitterMs: number;
  nacksSent: number;
  plisSent: number;
  keyFrames: number;
  /** Median of the last five; null until two were seen. */
  keyFrameIntervalMs: number | null;
  /** From the codec's own headers (SPS for H.264), null until known. */
  width: number | null;
  height: number | null;
  /** H.264 only: profile, constraints and level of the real SPS as six hex digits. */
  profileLevelId: string | null;
  /** H.264 only: pictures are out of order (B-frames), which WebRTC receivers show as stutter. */
  hasBFrames: boolean;
  lastPacketAtMs: number | null;
};

/** What the path to a peer carries. */
export type PathStats = {
  /** null while nothing is known. */
  bitsPerSecond: number | null;
  /** What the figure comes from: transport-wide feedback, the viewer's own estimate, receiver reports. */
  basis: 'feedback' | 'remb' | 'reports' | null;
  /** A queue grows on it, or it loses more than a tenth. */
  isCongested: boolean;
  /** Delay above the smallest of the last seconds. */
  queueMs: number;
  /** Since when the peer is spared pictures because its path is too slow; null when it follows. */
  slowSinceMs: number | null;
};

export type DownlinkStats = {
  ssrc: number;
  packets: number;
  bytes: number;
  retransmitted: number;
  nacksReceived: number;
  /** Asked for, but no longer in the ring. */
  nacksUnanswerable: number;
  plisReceived: number;
  /** Whole frames dropped for this viewer, for any reason. */
  framesDropped: number;
  /** Those of them that its path could not carry. */
  framesSpared: number;
  /** Nothing is sent because the path does not carry even the smallest encoding. */
  isHeld: boolean;
  /** Moves from one encoding of the track to another. */
  layerSwitches: number;
  /** The encoding that is sent: its rid, null when there is only one. */
  rid: string | null;
  /** Lines of the picture that is sent, null until a key frame told. */
  height: number | null;
  /** Sent again only to test the path. */
  probePackets: number;
  /** Re-joins: bursts from the key frame on (reference: first-picture section 1). */
  bursts: number;
  /** How often its pictures began with a key frame: by a burst, or with what came live. */
  begins: number;
  firstPacketAtMs: number | null;
  firstKeyFrameAtMs: number | null;
  /** From receiver reports. */
  roundTripMs: number | null;
  fractionLost: number | null;
};

/** Why a track is held back from a viewer. */
export type HeldTrack = {
  /** What the path carries; null when nothing is known. */
  carriesBitsPerSecond: number | null;
  /** What the smallest encoding of the track takes. */
  needsBitsPerSecond: number;
};

/** Facts the shell may act on. Handlers must not throw; they are called from the packet path. */
export type CoreEvents = {
  /** The first RTP packet of a source, or the first after `stalled`. */
  sourceFlowing(source: MediaSource): void;
  /** No RTP for `STALL_AFTER_MS`. */
  sourceStalled(source: MediaSource): void;
  /** The stream's own parameters changed: SPS, resolution, B-frames. */
  sourceParameters(source: MediaSource): void;
  /** A downlink is held back because the path does not carry it, or (undefined) it is sent again. */
  downlinkHeld(downlink: Downlink, held: HeldTrack | undefined): void;
};

export const STALL_AFTER_MS = 3000;

/** What one publisher track sends; closing it ends its downlinks' feed, not the downlinks. */
export interface MediaSource {
  readonly trackId: string;
  readonly kind: 'audio' | 'video';
  readonly codec: CodecName;
  stats(nowMs: number): SourceStats;
  /** Audio with levels (RFC 6464): decibels above silence, 0 to 127; else 0. */
  loudness(nowMs: number): number;
  /** Asks the sender for a key frame: coalesced, repeated until one comes. */
  requestKeyFrame(nowMs: number): void;
  close(): void;
}

/** One media section of a viewer. At most one source at a time; changing it needs no renegotiation. */
export interface Downlink {
  readonly ssrc: number;
  /**
   * Starts (or moves to) a source: a re-join with parameter sets and the cached GOP. Sequence numbers and
   * timestamps of the SSRC go on. `undefined` stops sending.
   */
  setSource(source: MediaSource | undefined, nowMs: number): void;
  /**
   * Several encodings of one track, in any order: the core chooses by the viewer's path and the size it asks
   * for, and moves at key frames. `setSource` ends that.
   */
  setLayers(sources: readonly MediaSource[], nowMs: number): void;
  /** Lines the viewer shows the picture at; undefined: as large as there is. Counts with several encodings. */
  setHeight(height: number | undefined, nowMs: number): void;
  /**
   * Another configuration of the codec was negotiated for this section. What was sent before is not repeated any
   * more. @param rtxPayloadType undefined exactly when it was so before.
   */
  setPayloadTypes(payloadType: number, rtxPayloadType: number | undefined): void;
  /** Nothing is sent while paused; resume is a re-join. Either ends that it is held back. */
  setPaused(paused: boolean, nowMs: number): void;
  stats(): DownlinkStats;
  close(): void;
}

/** One DTLS-SRTP association. */
export interface CorePeer {
  readonly id: string;
  addSource(options: SourceOptions): MediaSource;
  addDownlink(options: DownlinkOptions): Downlink;
  /**
   * A datagram of this peer whose first byte is 128 to 191 (RFC 7983). The buffer may be changed and is
   * not kept after the call.
   */
  receive(datagram: Buffer, nowMs: number): void;
  path(nowMs: number): PathStats;
  /** Closes its sources and downlinks. Calling it twice is harmless. */
  close(): void;
}

export type CorePeerOptions = {
  id: string;
  keys: SrtpKeys;
  /** Sends one datagram to the peer's current address, synchronously, without throwing. The buffer may be reused after the call. */
  send: (datagram: Buffer) => void;
  /**
   * A way out that protects RTP packets itself, opened with the first downlink; without one, or when it answers
   * undefined, the core protects each packet and calls `send`. The keys are the callee's during the call only.
   */
  openOutlet?: (keys: SealKeys) => SealedOutlet | undefined;
};

export interface MediaCore {
  addPeer(options: CorePeerOptions, nowMs: number): CorePeer;
  /** Runs everything that is due: pacing, NACK, RTCP, stall detection. */
  tick(nowMs: number): void;
  /** When `tick` wants to be called next; undefined when nothing waits. Ask after every call into the core. */
  nextTickMs(): number | undefined;
  /** Drops by reason, summed over all peers. */
  drops(): Record<string, number>;
  totals(): { packets: number; bytes: number };
}
