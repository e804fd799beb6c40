/**
 * One peer connection without its media sections: transport, core peer, remote candidates. The legs add
 * what is sent and received over it.
 */
import type { IceCandidateInit } from '../../contract/ice.ts';
import type { CorePeer } from './core/types.ts';
import type { MediaEngine } from './media-engine.ts';
import { admitCandidate } from './relay-candidate.ts';
import { SdpError } from './sdp/parse-sdp.ts';
import type { SdpMedia, SessionDescription } from './sdp/session-description.ts';
import type {
  DataAssociation,
  DataAssociationEvents,
  LocalTransport,
  SecureTransport,
} from './secure-transport.ts';

/** Candidates that come before the description they belong to. */
const MAX_EARLY_CANDIDATES = 64;

/** When what happened first, in ms since the epoch; for "why is it black". */
export type LinkMilestones = {
  /** The first candidate of a relay. */
  relayAtMs: number | null;
  /** Candidates that were not taken. */
  otherCandidates: number;
  iceAtMs: number | null;
  dtlsAtMs: number | null;
};

export type PeerLinkEvents = {
  /** DTLS is up; sources and downlinks may be added. */
  connected(peer: CorePeer): void;
  /** The link ended by itself. Never called after `close()`. */
  closed(reason: string): void;
};

export class PeerLink {
  readonly #engine: MediaEngine;
  readonly #events: PeerLinkEvents;
  #transport: SecureTransport | undefined;
  #peer: CorePeer | undefined;
  #early: IceCandidateInit[] = [];
  #remote: { ufrag: string; password: string; fingerprint: string } | undefined;
  #closed = false;
  readonly #milestones: LinkMilestones = {
    relayAtMs: null,
    otherCandidates: 0,
    iceAtMs: null,
    dtlsAtMs: null,
  };

  private constructor(engine: MediaEngine, events: PeerLinkEvents) {
    this.#engine = engine;
    this.#events = events;
  }

  /** `controlling`: we are the one who offers. */
  static async open(
    engine: MediaEngine,
    options: { controlling: boolean; events: PeerLinkEvents },
  ): Promise<PeerLink> {
    const link = new PeerLink(engine, options.events);
    const transport = await engine.transports.create({
      controlling: options.controlling,
      events: {
        pathFound: () => {
          link.#milestones.iceAtMs ??= engine.clock.nowMs();
        },
        connected: (keys) => {
          link.#milestones.dtlsAtMs ??= engine.clock.nowMs();
          const peer = engine.addPeer(keys, {
            send: (datagram) => {
              transport.send(datagram);
            },
            openOutlet: (sealKeys) => transport.openOutlet(sealKeys),
          });
          link.#peer = peer;
          link.#events.connected(peer);
          engine.schedule();
        },
        media: (datagram) => {
          link.#peer?.receive(datagram, engine.clock.nowMs());
          engine.schedule();
        },
        closed: (reason) => {
          if (link.#closed) return;
          link.close();
          link.#events.closed(reason);
        },
      },
    });
    link.#transport = transport;
    return link;
  }

  get milestones(): Readonly<LinkMilestones> {
    return this.#milestones;
  }

  get peer(): CorePeer | undefined {
    return this.#peer;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get local(): LocalTransport {
    if (this.#transport === undefined) throw new SdpError('The connection is closed.');
    return this.#transport.local;
  }

  /** True when a description comes from another DTLS association: the peer has started anew. */
  isOtherPeer(description: SessionDescription): boolean {
    const fingerprint = activeSection(description)?.fingerprints[0]?.value.toLowerCase();
    return (
      this.#remote !== undefined && fingerprint !== undefined && fingerprint !== this.#remote.fingerprint
    );
  }

  /** True when a description has other ICE credentials than the one before: an ICE restart. */
  isIceRestart(description: SessionDescription): boolean {
    const section = activeSection(description);
    return (
      this.#remote !== undefined &&
      section !== undefined &&
      (section.ufrag !== this.#remote.ufrag || section.password !== this.#remote.password)
    );
  }

  /** True when a description repeats the ICE credentials of the one before. */
  isSameGeneration(description: SessionDescription): boolean {
    return this.#remote !== undefined && !this.isIceRestart(description);
  }

  /** Takes the transport part of a remote description. @throws SdpError when it lacks what is needed. */
  setRemote(description: SessionDescription): void {
    const section = activeSection(description);
    if (section === undefined || this.#transport === undefined) return;
    if (section.ufrag === '' || section.password === '' || section.fingerprints.length === 0) {
      throw new SdpError('The description has no ICE credentials or no fingerprint.');
    }
    if (section.setup === 'passive') {
      throw new SdpError('The DTLS role must be "active" in an answer or "actpass" in an offer.');
    }
    this.#remote = {
      ufrag: section.ufrag,
      password: section.password,
      fingerprint: section.fingerprints[0]?.value.toLowerCase() ?? '',
    };
    this.#transport.setRemote({
      ufrag: section.ufrag,
      password: section.password,
      fingerprints: section.fingerprints,
    });
    for (const media of description.media) {
      if (media.ufrag !== section.ufrag) continue;
      for (const candidate of media.candidates) this.#take(candidate);
    }
    const early = this.#early;
    this.#early = [];
    for (const candidate of early) this.addCandidate(candidate);
  }

  /** A trickled candidate; null or empty text is the end of candidates, which needs no action. */
  addCandidate(init: IceCandidateInit | null): void {
    if (this.#closed || init === null || init.candidate === '') return;
    const ufrag = init.usernameFragment;
    const ahead = typeof ufrag === 'string' && ufrag !== '' && ufrag !== this.#remote?.ufrag;
    if (this.#remote === undefined || ahead) {
      this.#early.push(init);
      // Those of a restart that was given up are never asked for: the oldest go first.
      if (this.#early.length > MAX_EARLY_CANDIDATES) this.#early.shift();
      return;
    }
    this.#take(init.candidate);
  }

  /** Opens SCTP over the connected link, once. @throws Error before it is connected. */
  openData(events: DataAssociationEvents): DataAssociation {
    if (this.#transport === undefined) throw new Error('The connection is closed.');
    return this.#transport.openData(events);
  }

  /** New local ICE credentials; the next remote description must answer them. */
  async restartIce(): Promise<void> {
    await this.#transport?.restartIce();
  }

  /** Ends transport and core peer. Twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#early = [];
    this.#peer?.close();
    this.#transport?.close();
  }

  #take(text: string): void {
    const verdict = admitCandidate(text, this.#engine.relays);
    if (verdict.ok) {
      this.#milestones.relayAtMs ??= this.#engine.clock.nowMs();
      this.#transport?.addCandidate(verdict.candidate);
      return;
    }
    this.#milestones.otherCandidates += 1;
    this.#engine.candidateDrops.add(verdict.drop);
  }
}

/** The section whose transport attributes count: the first that is not rejected (RFC 9143 section 7.3). */
function activeSection(description: SessionDescription): SdpMedia | undefined {
  return description.media.find((media) => media.port !== 0 || media.ufrag !== '');
}
