/**
 * One viewer of the camera (in practice: the SFU): a relay-only peer connection that sends the clip.
 * RTCP of the viewer is obeyed or ignored as configured; the field's cameras do both.
 */
import {
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RtpHeader,
  RtpPacket,
  type RTCIceCandidate,
  type RTCRtpSender,
} from 'werift';
import type { FrameClock } from './frame-clock.ts';
import type { Turn } from './provisioning.ts';

const GATHER_TIMEOUT_MS = 5000;
const PAYLOAD_TYPE = 96;

export type CandidateInit = { candidate: string; sdpMid?: string | null; sdpMLineIndex?: number | null };

export type MediaSessionOptions = {
  clock: FrameClock;
  turn: Turn;
  obeyKeyFrameRequests: boolean;
  onClosed: () => void;
};

export class MediaSession {
  readonly #clock: FrameClock;
  readonly #pc: RTCPeerConnection;
  readonly #onClosed: () => void;
  readonly #obey: boolean;
  #unlisten: (() => void) | undefined;
  #sequence = Math.floor(Math.random() * 0x8000);
  #closed = false;

  constructor(options: MediaSessionOptions) {
    this.#clock = options.clock;
    this.#onClosed = options.onClosed;
    this.#obey = options.obeyKeyFrameRequests;
    const { urls, username, credential } = options.turn;
    this.#pc = new RTCPeerConnection({
      // werift uses the first TURN address of the list only.
      iceServers: urls
        .filter((url) => url.startsWith('turn'))
        .slice(0, 1)
        .map((url) => ({ urls: url, username, credential })),
      iceTransportPolicy: 'relay',
      iceUseIpv6: false,
      codecs: {
        audio: [],
        video: [
          new RTCRtpCodecParameters({
            mimeType: 'video/H264',
            clockRate: 90_000,
            payloadType: PAYLOAD_TYPE,
            rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
            parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
          }),
          new RTCRtpCodecParameters({
            mimeType: 'video/rtx',
            clockRate: 90_000,
            payloadType: PAYLOAD_TYPE + 1,
            parameters: `apt=${PAYLOAD_TYPE}`,
          }),
        ],
      },
    });
    this.#pc.connectionStateChange.subscribe((state) => {
      if (state === 'connected') this.#play();
      if (state === 'failed' || state === 'closed') void this.close();
    });
  }

  /** Trickled candidates of ours, for the protocol that has them. */
  onCandidate(listener: (candidate: RTCIceCandidate) => void): void {
    this.#pc.onIceCandidate.subscribe((candidate) => {
      if (candidate !== undefined) listener(candidate);
    });
  }

  /** Answers an offer. With `complete`, only once all candidates are in the answer. */
  async answer(offer: string, options: { complete: boolean }): Promise<string> {
    await this.#pc.setRemoteDescription({ type: 'offer', sdp: offer });
    const transceiver = this.#pc.getTransceivers().find((one) => one.kind === 'video');
    if (transceiver === undefined) throw new Error('the offer has no video section');
    transceiver.setDirection('sendonly');
    if (this.#obey) {
      transceiver.sender.onPictureLossIndication.subscribe(() => {
        this.#clock.skipToKeyFrame();
      });
    }
    const answer = await this.#pc.createAnswer();
    const gathered = this.#pc.setLocalDescription(answer);
    if (options.complete) {
      await Promise.race([
        gathered,
        new Promise((resolve) => setTimeout(resolve, GATHER_TIMEOUT_MS).unref()),
      ]);
    }
    return this.#pc.localDescription?.sdp ?? answer.sdp;
  }

  async addCandidate(candidate: CandidateInit): Promise<void> {
    await this.#pc.addIceCandidate(candidate);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#unlisten?.();
    this.#onClosed();
    await this.#pc.close();
  }

  #play(): void {
    const sender = this.#pc.getTransceivers().find((one) => one.kind === 'video')?.sender;
    if (sender === undefined || this.#unlisten !== undefined || this.#closed) return;
    if (this.#obey) this.#clock.skipToKeyFrame();
    this.#unlisten = this.#clock.listen((picture) => {
      picture.payloads.forEach((payload, index) => {
        this.#send(sender, payload, picture.timestamp, index === picture.payloads.length - 1);
      });
    });
  }

  #send(sender: RTCRtpSender, payload: Buffer, timestamp: number, marker: boolean): void {
    this.#sequence = (this.#sequence + 1) & 0xffff;
    const header = new RtpHeader({
      sequenceNumber: this.#sequence,
      timestamp: timestamp >>> 0,
      payloadType: PAYLOAD_TYPE,
      marker,
    });
    sender.sendRtp(new RtpPacket(header, payload)).catch(() => undefined); // The state change ends the session.
  }
}
