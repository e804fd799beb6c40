/**
 * A browser's two peer connections as far as negotiation goes (RFC 8829): one that is offered to, one that offers, and
 * the signaling session of both. Frames wait in both directions until the test lets them through, one by one, so
 * that anything can cross anything. It is strict: what a browser would refuse, it throws at.
 */
import type { RoomTicket } from '../../contract/signaling.ts';
import { emptyRtpHeader, isRtcp, parseRtpHeader } from '../../sfu/media/core/rtp-packet.ts';
import { SrtpReceiver, SrtpSender } from '../../sfu/media/core/srtp-context.ts';
import { parseSdp } from '../../sfu/media/sdp/parse-sdp.ts';
import type { FrameSocket } from '../../sfu/signaling/outbox.ts';
import type { Attachment } from '../../sfu/signaling/sessions.ts';
import type { FakeTransport, SfuInProcess } from './sfu-in-process.ts';

export type Form = 'flat' | 'envelope';
type Frame = Record<string, unknown> & { type: string };
type Offer = { sdp: string; mids: Record<string, string | null>; offerId: string };
type Section = { mid: string; codec: string; ssrc: number; sends: boolean };

let lastNumber = 0;
const fresh = (word: string): string => `${word}${(lastNumber += 1)}`;

/** The connection that the server offers. */
class Subscriber {
  readonly origin: string;
  readonly transport: FakeTransport;
  readonly receiver: SrtpReceiver;
  remoteUfrag = '';
  ufrag = fresh('sub');
  /** SSRC of each section, as offered last. */
  readonly ssrcs = new Map<string, number>();
  /** Media packets that came, by SSRC. */
  readonly packets = new Map<number, number>();

  constructor(origin: string, transport: FakeTransport) {
    this.origin = origin;
    this.transport = transport;
    this.receiver = new SrtpReceiver(transport.theirs.profile, transport.theirs.remote);
    transport.onSent = (datagram) => {
      const isCurrent = transport.local.ufrag === this.remoteUfrag && transport.remote?.ufrag === this.ufrag;
      if (!isCurrent || isRtcp(datagram)) return;
      const header = emptyRtpHeader();
      if (!parseRtpHeader(datagram, header)) throw new Error('no RTP');
      const { headerBytes, ssrc, sequenceNumber } = header;
      const payload = this.receiver.unprotectRtp(datagram, headerBytes, ssrc, sequenceNumber);
      if (typeof payload === 'string') throw new Error(`the viewer got ${payload}`);
      this.packets.set(ssrc, (this.packets.get(ssrc) ?? 0) + 1);
    };
  }

  answer(sdp: string): string {
    const offer = parseSdp(sdp);
    const active = offer.media.find((media) => media.port !== 0);
    if (active !== undefined && active.ufrag !== this.remoteUfrag) {
      if (this.remoteUfrag !== '') this.ufrag = fresh('sub');
      this.remoteUfrag = active.ufrag;
    }
    for (const section of sdp.split(/(?=^m=)/m).slice(1)) {
      const [, mid = ''] = /^a=mid:(\S+)/m.exec(section) ?? [];
      const [, ssrc] = /^a=ssrc:(\d+)/m.exec(section) ?? [];
      if (ssrc === undefined) continue;
      const before = this.ssrcs.get(mid);
      if (before !== undefined && before !== Number(ssrc)) throw new Error(`section ${mid} has another SSRC`);
      this.ssrcs.set(mid, Number(ssrc));
    }
    return sdp
      .replaceAll('a=sendonly', 'a=recvonly')
      .replaceAll('a=setup:actpass', 'a=setup:active')
      .replaceAll(/a=ice-ufrag:.*/g, `a=ice-ufrag:${this.ufrag}`)
      .replaceAll(/a=ice-pwd:.*/g, `a=ice-pwd:password-of-${this.ufrag}-xxxxxxxxxxxx`)
      .replaceAll(/a=fingerprint:.*/g, `a=fingerprint:sha-256 ${'BB:'.repeat(31)}BB`)
      .replaceAll(/a=(?:candidate|ssrc|ssrc-group|msid):.*\r\n/g, '');
  }
}

/** The connection that the client offers. */
class PublishConnection {
  readonly fingerprint: string;
  readonly sections: Section[] = [];
  state: 'stable' | 'have-local-offer' = 'stable';
  needed = false;
  restarts = false;
  ufrag = fresh('pub');
  remoteUfrag = '';
  transport: FakeTransport | undefined;
  sender: SrtpSender | undefined;
  /** Sections of the offer that is out. */
  offered = 0;
  number = 100;

  constructor() {
    const byte = (lastNumber += 1).toString(16).padStart(4, '0').toUpperCase();
    this.fingerprint = `${byte.slice(0, 2)}:${byte.slice(2)}:${'CC:'.repeat(29)}CC`;
  }

  offer(): string {
    if (this.restarts) this.ufrag = fresh('pub');
    this.restarts = false;
    this.needed = false;
    this.state = 'have-local-offer';
    this.offered = this.sections.length;
    const lines = ['v=0', 'o=- 1 2 IN IP4 127.0.0.1', 's=-', 't=0 0'];
    lines.push(`a=group:BUNDLE ${this.sections.map(({ mid }) => mid).join(' ')}`);
    for (const { mid, codec, ssrc, sends } of this.sections) {
      lines.push(
        'm=video 9 UDP/TLS/RTP/SAVPF 96 97',
        `a=mid:${mid}`,
        `a=ice-ufrag:${this.ufrag}`,
        `a=ice-pwd:password-of-${this.ufrag}-xxxxxxxxxxxx`,
        `a=fingerprint:sha-256 ${this.fingerprint}`,
        'a=setup:actpass',
        sends ? 'a=sendonly' : 'a=inactive',
        'a=rtcp-mux',
        `a=rtpmap:96 ${codec}/90000`,
        ...['nack', 'nack pli', 'transport-cc'].map((one) => `a=rtcp-fb:96 ${one}`),
        ...(codec === 'H264' ? ['a=fmtp:96 packetization-mode=1;profile-level-id=42e01f'] : []),
        'a=rtpmap:97 rtx/90000',
        'a=fmtp:97 apt=96',
        ...(sends ? [`a=ssrc-group:FID ${ssrc} ${ssrc + 1}`] : []),
        ...(sends ? [`a=ssrc:${ssrc} cname:c`, `a=ssrc:${ssrc + 1} cname:c`] : []),
      );
    }
    return `${lines.join('\r\n')}\r\n`;
  }

  /** One packet of each section that sends: parameter sets, or a whole key frame. */
  sendPictures(payloadOf: (section: Section) => Buffer): void {
    const { transport, sender } = this;
    if (transport === undefined || sender === undefined || transport.state !== 'connected') return;
    if (transport.local.ufrag !== this.remoteUfrag || transport.remote?.ufrag !== this.ufrag) return;
    this.number += 1;
    for (const section of this.sections.filter(({ sends }) => sends)) {
      const out = Buffer.alloc(1500);
      out[0] = 0x80;
      out[1] = 96 | 0x80;
      out.writeUInt16BE(this.number & 0xffff, 2);
      out.writeUInt32BE((this.number * 3000) >>> 0, 4);
      out.writeUInt32BE(section.ssrc, 8);
      const header = out.subarray(0, 12);
      const bytes = sender.protectRtp(out, header, payloadOf(section), section.ssrc, this.number);
      transport.receive(Buffer.from(out.subarray(0, bytes)));
    }
  }
}

export class NegotiatingClient implements FrameSocket {
  readonly bufferedBytes = 0;
  readonly toServer: string[] = [];
  readonly fromServer: string[] = [];
  readonly errors: string[] = [];
  subscriber: Subscriber | undefined;
  publish: PublishConnection | undefined;
  /** Track of each section, as told last. */
  slots = new Map<string, string | null>();
  /** Own tracks by section, as the newest answer says. */
  published: Record<string, string> = {};
  /** Tracks of others, by what was told. */
  readonly known = new Set<string>();
  lastAnswer: { sdp: string; offerId?: string } | undefined;
  #offerId = '';
  readonly #bench: SfuInProcess;
  readonly #ticket: RoomTicket;
  readonly #form: Form;
  readonly #namesOffers: boolean;
  /** Its answers reject sections of this codec. */
  cannotPlay: string | undefined;
  /** Offers of the server, from the first. */
  readonly offers: string[] = [];
  #attachment: Attachment;
  #resumeToken = '';
  #resuming = false;

  /** @param namesOffers its answers say which offer they are to; older clients do not know that. */
  constructor(bench: SfuInProcess, identity: string, form: Form, namesOffers = true) {
    this.#bench = bench;
    this.#form = form;
    this.#namesOffers = namesOffers;
    this.#ticket = {
      ...{ namespace: 'demo', identity, name: identity, role: 'publisher', rooms: null },
      expiresAtMs: Number.MAX_SAFE_INTEGER,
    };
    this.#attachment = bench.sfu.sessions.accept(this, this.#ticket);
  }

  // -- the socket --

  send(text: string): void {
    this.fromServer.push(text);
  }
  ping(): void {
    this.#attachment.onPong();
  }
  close(): void {
    // The server ends the socket: nothing more is said on it.
  }

  say(type: string, data: Record<string, unknown> = {}): void {
    this.toServer.push(JSON.stringify(this.#form === 'flat' ? { type, ...data } : { type, data }));
  }

  get quiet(): boolean {
    return this.toServer.length === 0 && this.fromServer.length === 0;
  }

  /** Lets one frame through, of one direction. */
  deliverUp(): void {
    const text = this.toServer.shift();
    if (text !== undefined) this.#attachment.onText(text);
  }

  deliverDown(): void {
    const text = this.fromServer.shift();
    if (text === undefined) return;
    const raw = JSON.parse(text) as Frame & { data?: Record<string, unknown> };
    const isEnvelope = raw.data !== undefined;
    // The very first frames leave before the server knows the client's form.
    if (!['session', 'turn-credentials'].includes(raw.type) && isEnvelope !== (this.#form === 'envelope')) {
      throw new Error(`answered in another form: ${text}`);
    }
    this.#take(isEnvelope ? { type: raw.type, ...raw.data } : raw);
  }

  /** The socket breaks: what is under way is lost, and another one resumes the session. */
  breakSocket(): void {
    this.toServer.length = 0;
    this.fromServer.length = 0;
    this.#attachment.onClose(1006);
    this.#attachment = this.#bench.sfu.sessions.accept(this, this.#ticket);
    this.#resuming = true;
    this.say('resume', { resumeToken: this.#resumeToken });
  }

  /** The socket ends for good. */
  hangUp(code: number): void {
    this.toServer.length = 0;
    this.fromServer.length = 0;
    this.#attachment.onClose(code);
  }

  // -- what an application does --

  addTrack(codec: 'VP8' | 'H264'): void {
    this.publish ??= new PublishConnection();
    const { sections } = this.publish;
    const free = sections.find((section) => !section.sends && section.codec === codec);
    if (free !== undefined) free.sends = true;
    else sections.push({ mid: fresh('m'), codec, ssrc: (lastNumber += 10), sends: true });
    this.negotiate();
  }

  removeTrack(): void {
    const section = this.publish?.sections.find(({ sends }) => sends);
    if (section === undefined) return;
    section.sends = false;
    this.negotiate();
  }

  restartPublish(): void {
    if (this.publish === undefined) return;
    this.publish.restarts = true;
    this.negotiate();
  }

  /** A page that makes its connection anew and publishes the same. */
  replacePublish(): void {
    if (this.publish === undefined) return;
    const sections = this.publish.sections.filter(({ sends }) => sends);
    if (sections.length === 0) return;
    this.publish = new PublishConnection();
    this.publish.sections.push(...sections.map((one) => ({ ...one, ssrc: (lastNumber += 10) })));
    this.negotiate();
  }

  negotiate(): void {
    const { publish } = this;
    if (publish === undefined || publish.sections.length === 0) return;
    publish.needed = true;
    if (publish.state !== 'stable') return;
    this.#offerId = fresh('offer');
    this.say('offer', { roomId: 'room', requestId: this.#offerId, sdp: publish.offer() });
  }

  // -- what comes --

  #take(frame: Frame): void {
    switch (frame.type) {
      case 'session':
        // A socket is greeted with a session of its own before its first frame is read.
        if (this.#resuming && frame['resumed'] !== true) return;
        this.#resumeToken = frame['resumeToken'] as string;
        if (this.#resuming) this.#onResumed();
        return;
      case 'welcome':
        this.known.clear();
        for (const { trackId } of frame['tracks'] as { trackId: string }[]) this.known.add(trackId);
        return;
      case 'track-added':
        this.known.add((frame['track'] as { trackId: string }).trackId);
        return;
      case 'track-removed':
        this.known.delete(frame['trackId'] as string);
        return;
      case 'slot':
        this.slots.set(frame['mid'] as string, frame['trackId'] as string | null);
        return;
      case 'offer':
        this.#onOffer(frame as unknown as Offer);
        return;
      case 'answer':
        // Else to an offer of a connection that the page has thrown away.
        if (frame['requestId'] === this.#offerId) {
          this.#onAnswer(frame['sdp'] as string, frame['mids'] as Record<string, string>);
        }
        return;
      case 'error':
        this.errors.push(`${frame['code'] as string}: ${frame['message'] as string}`);
        return;
      default:
    }
  }

  /** What may have been lost with the socket is said again. */
  #onResumed(): void {
    this.#resuming = false;
    this.say('subscribe', { roomId: 'room' });
    if (this.subscriber?.transport.state === 'closed') this.say('restart');
    if (this.publish?.state !== 'have-local-offer') return;
    this.publish.state = 'stable';
    this.negotiate();
  }

  #onOffer({ sdp, mids, offerId }: Offer): void {
    const [, origin = ''] = /^o=- (\d+)/m.exec(sdp) ?? [];
    if (this.subscriber?.origin !== origin) {
      this.subscriber = new Subscriber(origin, this.#bench.transportOf(sdp));
      this.slots = new Map();
    }
    for (const [mid, trackId] of Object.entries(mids)) this.slots.set(mid, trackId);
    this.offers.push(sdp);
    const answer = this.subscriber.answer(sdp);
    const { cannotPlay } = this;
    const taken = cannotPlay === undefined ? answer : withoutCodec(answer, cannotPlay);
    this.lastAnswer = { sdp: taken, ...(this.#namesOffers && { offerId }) };
    this.say('answer', this.lastAnswer);
  }

  #onAnswer(sdp: string, mids: Record<string, string>): void {
    const { publish } = this;
    const answer = parseSdp(sdp);
    if (publish?.state !== 'have-local-offer' || answer.media.length !== publish.offered) return;
    publish.state = 'stable';
    this.published = mids;
    const active = answer.media.find((media) => media.port !== 0);
    if (active !== undefined) {
      publish.remoteUfrag = active.ufrag;
      const transport = this.#bench.transportOf(sdp);
      if (publish.transport !== transport) {
        publish.transport = transport;
        publish.sender = new SrtpSender(transport.theirs.profile, transport.theirs.local);
      }
    }
    if (publish.needed || publish.restarts) this.negotiate();
  }
}

/** Rejects the sections of a codec (RFC 8829 section 5.3.1). */
function withoutCodec(sdp: string, codec: string): string {
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => (section.includes(` ${codec}/`) ? section.replace(/^(m=\S+) \d+/, '$1 0') : section))
    .join('');
}
