/**
 * A werift peer connection in the test process that plays camera or browser. It binds one loopback
 * address inside the SFU's relay list and calls its host candidates relayed, as a TURN relay would be.
 */
import {
  RTCPeerConnection,
  RTCRtpCodecParameters,
  RtpHeader,
  RtpPacket,
  useH264,
  useOPUS,
  useSdesMid,
  useVP8,
  type MediaStreamTrack,
  type RTCRtpSender,
} from 'werift';

/** What `icePortRange` and the SFU's `relays` agree on. */
export const RELAY_PORTS = { minPort: 41_000, maxPort: 41_999 };

export function relayOf(address: string): { address: string; minPort: number; maxPort: number } {
  return { address, ...RELAY_PORTS };
}

/** `video`: the codecs it speaks, all of them by default. */
export function weriftPeer(address: string, video?: RTCRtpCodecParameters[]): RTCPeerConnection {
  return new RTCPeerConnection({
    iceInterfaceAddresses: { udp4: address },
    iceAdditionalHostAddresses: [address],
    iceUseIpv4: false,
    iceUseIpv6: false,
    icePortRange: [RELAY_PORTS.minPort, RELAY_PORTS.maxPort],
    iceServers: [{ urls: `stun:${address}:9` }],
    iceStunGatherTimeout: 0.01,
    ...media(video),
  });
}

/** One that comes by a TURN server only, as browsers do. */
export function relayedPeer(
  iceServers: { urls: string[]; username: string; credential: string }[],
): RTCPeerConnection {
  return new RTCPeerConnection({
    iceServers: iceServers.map(({ urls, ...one }) => ({ urls: urls[0]!, ...one })),
    iceTransportPolicy: 'relay',
    iceUseIpv6: false,
    ...media(),
  });
}

function media(video?: RTCRtpCodecParameters[]) {
  const vp9 = new RTCRtpCodecParameters({
    mimeType: 'video/VP9',
    clockRate: 90_000,
    rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
    parameters: 'profile-id=0',
  });
  return {
    bundlePolicy: 'max-bundle' as const,
    codecs: { audio: [useOPUS()], video: video ?? [useVP8(), useH264(), vp9] },
    headerExtensions: { audio: [useSdesMid()], video: [useSdesMid()] },
  };
}

/** The description with all candidates, each as if it were a relay's. */
export async function gatheredSdp(peer: RTCPeerConnection): Promise<string> {
  while (peer.iceGatheringState !== 'complete') {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return asRelayed(peer.localDescription!.sdp);
}

export function asRelayed(sdp: string): string {
  return sdp.replaceAll(/typ host/g, 'typ relay raddr 0.0.0.0 rport 9');
}

/** Answers an offer of the SFU. */
export async function answerOffer(peer: RTCPeerConnection, offer: string): Promise<string> {
  await peer.setRemoteDescription({ type: 'offer', sdp: offer });
  await peer.setLocalDescription(await peer.createAnswer());
  return gatheredSdp(peer);
}

const PICTURE_BYTES = 40;

/** One VP8 packet that is a whole frame (RFC 7741); `number` stands at its end to be found again. */
export function vp8Frame(number: number, keyFrame: boolean): Buffer {
  const payload = Buffer.alloc(1 + 10 + PICTURE_BYTES);
  payload[0] = 0x10;
  if (keyFrame) {
    payload[1] = 0x10;
    Buffer.from('9d012a', 'hex').copy(payload, 4);
    payload.writeUInt16LE(320, 7);
    payload.writeUInt16LE(240, 9);
  } else {
    payload[1] = 0x11;
  }
  payload.writeUInt32BE(number, payload.length - 4);
  return payload;
}

export function numberOf(payload: Buffer): number {
  return payload.readUInt32BE(payload.length - 4);
}

/** Single NAL units (RFC 6184 section 5.6); `number` stands at the end of the picture. */
export function h264Frame(number: number, sps: Buffer | undefined): Buffer[] {
  const picture = Buffer.alloc(11 + PICTURE_BYTES);
  picture[0] = sps === undefined ? 0x41 : 0x65;
  picture[1] = 0x88;
  picture.writeUInt32BE(number, picture.length - 4);
  return sps === undefined ? [picture] : [sps, Buffer.from('68ce3c80', 'hex'), picture];
}

export type SentCamera = {
  stop: () => void;
  /** H.264: the parameter set of the next key frames. */
  sps: Buffer | undefined;
};

/** Sends frames at 30 a second with a key frame each second until stopped: VP8, or H.264 with an SPS. */
export function startCamera(sender: RTCRtpSender, sps?: Buffer): SentCamera {
  let number = 0;
  let sequenceNumber = 1000;
  const camera: SentCamera = {
    stop: () => {
      clearInterval(timer);
    },
    sps,
  };
  const timer = setInterval(() => {
    const isKey = number % 30 === 0;
    const payloads =
      camera.sps === undefined
        ? [vp8Frame(number, isKey)]
        : h264Frame(number, isKey ? camera.sps : undefined);
    for (const [at, payload] of payloads.entries()) {
      const header = new RtpHeader({
        payloadType: 96,
        sequenceNumber: sequenceNumber & 0xffff,
        timestamp: (90_000 + number * 3000) >>> 0,
        marker: at === payloads.length - 1,
        ssrc: 1,
      });
      sequenceNumber += 1;
      void sender.sendRtp(new RtpPacket(header, payload));
    }
    number += 1;
  }, 33);
  return camera;
}

/** Collects frame numbers a track receives. */
export class Picture {
  readonly numbers: number[] = [];
  /** Of the newest packet. */
  payloadType = 0;
  #wake: () => void = () => undefined;

  constructor(track: MediaStreamTrack) {
    track.onReceiveRtp.subscribe((packet) => {
      this.payloadType = packet.header.payloadType;
      if (packet.payload.length !== 11 + PICTURE_BYTES) return;
      this.numbers.push(numberOf(packet.payload));
      this.#wake();
    });
  }

  /** Resolves when `count` more frames have come. */
  async frames(count: number): Promise<number[]> {
    const from = this.numbers.length;
    const endMs = Date.now() + 30_000;
    while (this.numbers.length < from + count) {
      const leftMs = endMs - Date.now();
      if (leftMs <= 0) throw new Error(`only ${this.numbers.length - from} of ${count} frames came`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.numbers.slice(from);
  }
}
