/**
 * A participant of a room as a page: publishes a drawn picture and the browser's test tone, or watches, through one
 * kind of relay only. Chromium and Firefox run the same functions; each is sent as its own source text, so it
 * uses nothing from outside itself. What was seen is judged by pixels, decoded frames and the browser's own statistics.
 */
import type { RelayTransport } from '../helpers/sfu-behind-turn.ts';

export type Entrance = {
  /** Of the signaling socket, with the ticket. */
  url: string;
  room: string;
  /** The relay that may be used, out of those the service names. */
  via: RelayTransport;
  /** The video codec to publish, such as `video/VP8`; null watches. */
  publish: string | null;
  /** What a watched picture shows: our drawn frame numbers, or GStreamer's moving ball. */
  picture: 'numbers' | 'ball';
  /** Publishes several encodings (simulcast): by how much each is scaled down, by rid. */
  encodings?: Record<string, number>;
  /** Publishes layers in one stream (SVC), as `RTCRtpEncodingParameters.scalabilityMode` names them. */
  scalability?: string;
  /** Looks at what came with each picture before it is decoded; Chromium only. */
  inspects?: boolean;
  /** Publishes a lasting tone: the browser's test tone is too short to pass for speech. */
  speaks?: boolean;
  /** The lines a viewer asks for. */
  height?: number;
  /** Only this one of the relays that `via` names. */
  relay?: string;
  /** Publishes a picture that takes about as much as a camera's. */
  busy?: boolean;
  /** Restarts ICE when nothing comes any more, or nothing can be sent. */
  recovers?: boolean;
};

/** One peer connection. */
export type Side = {
  state: string;
  /** The selected path; null until there is one. `url` is empty where the browser does not tell it. */
  path: { localType: string; relayProtocol: string; url: string } | null;
  /** True when all candidates are known. */
  gatheringDone: boolean;
  /** Types of all local candidates. */
  gathered: string[];
  /** MIME types that are received, in lower case, sorted. */
  codecs: string[];
  /** Format parameters (SDP fmtp) of the video that is received. */
  fmtp: string;
  framesDecoded: number;
  /** Energy of the decoded sound; 0 is silence. */
  soundEnergy: number;
  /** Of the video that is received. */
  repair: Repair;
  /** Of the video that is sent: packets, those of them that were sent again, and pictures. */
  sent: { packets: number; retransmitted: number; frames: number };
  /** Of the video that is sent, as `scalabilityMode` names it; empty where nothing says it. */
  scalability: string;
};

/** The browser's own figures of one received video. */
export type Repair = {
  packets: number;
  lost: number;
  retransmitted: number;
  nacks: number;
  plis: number;
  keyFrames: number;
  freezes: number;
  frozenMs: number;
  frames: number;
};

export type Seen = {
  errors: string[];
  /** What happened to the connections, each with its time in ms. */
  course: string[];
  tracks: string[];
  /** Different pictures that were recognised from pixels. */
  pictures: number;
  /** Pictures that were shown, whatever is on them. */
  shown: number;
  /** Those on which nothing was recognised, though something had been before. */
  unread: number;
  size: string;
  /** `spatial.temporal` layers of the pictures that came, where something told them. */
  layers: string[];
  /** Pictures that came with the frames they depend on: by a dependency descriptor. */
  described: number;
  /** The level of the sound that came last, as its packets said: 0 is silence; null when they did not say. */
  loudness: number | null;
  /** Who spoke last, as the room was told; empty before anybody did. */
  speaker: string;
  viewer: Side | null;
  publisher: Side | null;
};

type Room = {
  errors: string[];
  course: string[];
  tracks: string[];
  pictures: Set<string>;
  shown: number;
  unread: number;
  size: string;
  layers: Set<string>;
  described: number;
  speaker: string;
  /** Asks for so many lines of all that is watched; null: as many as there are. */
  ask: (height: number | null) => void;
  viewer: RTCPeerConnection | null;
  publisher: RTCPeerConnection | null;
};
type Scope = { room: Room };
type Frame = {
  type: string;
  mids?: Record<string, string | null>;
  participantId?: string | null;
  paused?: boolean;
  reason?: string;
  sdp: string;
  code: string;
  message: string;
  iceServers: { urls: string[] }[];
};

/** Begins; all that happens from then on is told by `lookAround`. */
export function enterRoom(entrance: Entrance): void {
  const room: Room = {
    errors: [],
    course: [],
    tracks: [],
    pictures: new Set(),
    shown: 0,
    unread: 0,
    size: '',
    layers: new Set(),
    described: 0,
    speaker: '',
    ask: (height) => {
      for (const trackId of watched) send('track-state', { trackId, height });
    },
    viewer: null,
    publisher: null,
  };
  (globalThis as unknown as Scope).room = room;
  const fail = (error: unknown): void => void room.errors.push(String(error));
  const note = (what: string): void => {
    room.course.push(`${String(Math.round(performance.now()))} ${what}`);
    if (room.course.length > 60) room.course.shift();
  };
  const follow = (name: string, peer: RTCPeerConnection): void => {
    peer.addEventListener('iceconnectionstatechange', () => {
      note(`${name} ICE ${peer.iceConnectionState}`);
    });
    peer.addEventListener('connectionstatechange', () => {
      note(`${name} ${peer.connectionState}`);
    });
    peer.addEventListener('icecandidateerror', ({ errorCode, errorText, url }) => {
      note(`${name} ${url}: ${String(errorCode)} ${errorText}`);
    });
  };
  const cells = 16;
  let watched: (string | null)[] = [];
  let configuration: RTCConfiguration = {};
  let tail = Promise.resolve();
  const publishing = { waits: false, restarts: false };
  const socket = new WebSocket(entrance.url);
  const send = (type: string, data: object): void => {
    socket.send(JSON.stringify({ type, ...data }));
  };
  socket.onerror = () => {
    fail('the signaling socket failed');
  };
  socket.onmessage = ({ data }) => {
    tail = tail.then(() => take(JSON.parse(String(data)) as Frame)).catch(fail);
  };

  async function take(frame: Frame): Promise<void> {
    if (frame.type === 'turn-credentials') {
      const wanted = (uri: string): boolean =>
        (entrance.relay === undefined || uri === entrance.relay) && ofTransport(uri);
      const ofTransport = (uri: string): boolean =>
        entrance.via === 'tls'
          ? uri.startsWith('turns:')
          : uri.startsWith('turn:') && uri.endsWith(`=${entrance.via}`);
      const iceServers = frame.iceServers.map((one) => ({ ...one, urls: one.urls.filter(wanted) }));
      configuration = { iceServers, iceTransportPolicy: 'relay', bundlePolicy: 'max-bundle' };
      if (room.viewer !== null || room.publisher !== null) return;
      send('join', { roomId: entrance.room, ...(entrance.publish === null ? {} : { subscribe: 'none' }) });
    }
    if (frame.type === 'active-speaker') room.speaker = frame.participantId ?? room.speaker;
    if (['offer', 'answer'].includes(frame.type)) note(`took an ${frame.type}`);
    if (frame.type === 'track-state' && frame.paused !== undefined) {
      note(`${frame.paused ? 'paused' : 'resumed'}: ${frame.reason ?? ''}`);
    }
    if (frame.type === 'error') fail(`${frame.code}: ${frame.message}`);
    if (frame.type === 'welcome' && entrance.publish !== null) await publish(entrance.publish);
    if (frame.type === 'answer') {
      await room.publisher?.setRemoteDescription({ type: 'answer', sdp: frame.sdp });
      publishing.waits = false;
      if (publishing.restarts) await restartPublishing();
    }
    if (frame.type === 'offer') {
      room.viewer ??= watch();
      await room.viewer.setRemoteDescription({ type: 'offer', sdp: frame.sdp });
      await room.viewer.setLocalDescription();
      send('answer', { sdp: room.viewer.localDescription?.sdp });
      watched = Object.values(frame.mids ?? {});
      if (entrance.height !== undefined) room.ask(entrance.height);
    }
  }

  /** One offer at a time: the answer to an older one would be taken for that of the newer. */
  async function offer(peer: RTCPeerConnection): Promise<void> {
    publishing.waits = true;
    await peer.setLocalDescription();
    note('offers');
    send('offer', { roomId: entrance.room, sdp: peer.localDescription?.sdp });
  }

  async function restartPublishing(): Promise<void> {
    publishing.restarts = publishing.waits;
    if (publishing.waits || room.publisher === null) return;
    room.publisher.restartIce();
    await offer(room.publisher);
  }

  async function publish(mimeType: string): Promise<void> {
    const peer = new RTCPeerConnection(configuration);
    room.publisher = peer;
    follow('publisher', peer);
    peer.onicecandidate = ({ candidate }) => {
      send('ice-candidate', { connection: 'publish', candidate });
    };
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 360;
    document.body.append(canvas);
    const context = canvas.getContext('2d');
    let count = 0;
    setInterval(() => {
      if (context === null) return;
      context.fillStyle = '#246';
      context.fillRect(0, 0, 640, 360);
      context.fillStyle = '#e63';
      context.fillRect((count * 8) % 600, 60, 40, 80);
      // Eight bits and their complement, each a cell of 40 by 80.
      const bits = (count << 8) | (~count & 0xff);
      for (let cell = 0; cell < cells; cell += 1) {
        context.fillStyle = (bits >> (cells - 1 - cell)) & 1 ? '#fff' : '#000';
        context.fillRect(cell * 40, 200, 40, 80);
      }
      for (let spot = 0; entrance.busy === true && spot < 300; spot += 1) {
        context.fillStyle = `rgb(${Math.random() * 255}, ${Math.random() * 255}, ${Math.random() * 255})`;
        context.fillRect((spot % 50) * 12, 290 + Math.floor(spot / 50) * 10, 12, 10);
      }
      count = (count + 1) & 0xff;
    }, 66);
    const sound =
      entrance.speaks === true ? tone() : await navigator.mediaDevices.getUserMedia({ audio: true });
    const media = canvas.captureStream();
    for (const track of [...media.getTracks(), ...sound.getTracks()]) {
      const scaled = Object.entries(track.kind === 'video' ? (entrance.encodings ?? {}) : {});
      const layered = track.kind === 'video' ? entrance.scalability : undefined;
      const sendEncodings: (RTCRtpEncodingParameters & { scalabilityMode?: string })[] =
        layered === undefined
          ? scaled.map(([rid, scaleResolutionDownBy]) => ({ rid, scaleResolutionDownBy }))
          : [{ scalabilityMode: layered }];
      if (sendEncodings.length === 0) peer.addTrack(track, media);
      else peer.addTransceiver(track, { direction: 'sendonly', streams: [media], sendEncodings });
    }
    const video = peer.getTransceivers().find((one) => one.sender.track?.kind === 'video');
    const codecs = RTCRtpSender.getCapabilities('video')?.codecs ?? [];
    video?.setCodecPreferences(codecs.filter((one) => [mimeType, 'video/rtx'].includes(one.mimeType)));
    peer.onconnectionstatechange = () => {
      if (entrance.recovers !== true || !['disconnected', 'failed'].includes(peer.connectionState)) return;
      restartPublishing().catch(fail);
    };
    await offer(peer);
  }

  function tone(): MediaStream {
    const audio = new AudioContext();
    const oscillator = audio.createOscillator();
    const destination = audio.createMediaStreamDestination();
    oscillator.connect(destination);
    oscillator.start();
    return destination.stream;
  }

  function watch(): RTCPeerConnection {
    const inspects = entrance.inspects === true;
    const peer = new RTCPeerConnection({
      ...configuration,
      ...(inspects ? { encodedInsertableStreams: true } : {}),
    });
    follow('viewer', peer);
    peer.onicecandidate = ({ candidate }) => {
      send('ice-candidate', { candidate });
    };
    if (entrance.recovers === true) restartWhenStill();
    peer.ontrack = ({ track, receiver }) => {
      if (inspects) inspect(receiver);
      room.tracks.push(track.kind);
      const element = document.createElement(track.kind === 'video' ? 'video' : 'audio');
      element.muted = track.kind === 'video';
      element.autoplay = true;
      element.srcObject = new MediaStream([track]);
      document.body.append(element);
      if (element instanceof HTMLVideoElement) look(element);
    };
    return peer;
  }

  function inspect(receiver: RTCRtpReceiver): void {
    type Encoded = { getMetadata: () => { frameId?: number; spatialIndex?: number; temporalIndex?: number } };
    type Streams = { readable: ReadableStream<Encoded>; writable: WritableStream<Encoded> };
    const { readable, writable } = (
      receiver as unknown as { createEncodedStreams: () => Streams }
    ).createEncodedStreams();
    const transform = new TransformStream<Encoded, Encoded>({
      transform: (frame, controller) => {
        const { frameId, spatialIndex, temporalIndex } = frame.getMetadata();
        if (frameId !== undefined) room.described += 1;
        if (spatialIndex !== undefined) room.layers.add(`${spatialIndex}.${temporalIndex ?? 0}`);
        controller.enqueue(frame);
      },
    });
    readable.pipeThrough(transform).pipeTo(writable).catch(fail);
  }

  /** As the client library does it: two seconds without a new picture, then every five. */
  function restartWhenStill(): void {
    let before = 0;
    let stillMs = 0;
    setInterval(() => {
      const count = room.shown;
      stillMs = count === before ? stillMs + 250 : 0;
      before = count;
      if (count > 0 && stillMs >= 2000 && (stillMs - 2000) % 5000 === 0) send('restart', {});
    }, 250);
  }

  function look(video: HTMLVideoElement): void {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = entrance.picture === 'numbers' ? [640, 360] : [64, 48];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    const read = (): void => {
      context?.drawImage(video, 0, 0, canvas.width, canvas.height);
      room.size = `${video.videoWidth}x${video.videoHeight}`;
      const picture = entrance.picture === 'numbers' ? frameNumber() : ballPosition();
      room.shown += 1;
      if (picture !== null) room.pictures.add(picture);
      else if (room.pictures.size > 0) room.unread += 1;
      video.requestVideoFrameCallback(read);
    };
    const bright = (x: number, y: number): boolean => (context?.getImageData(x, y, 1, 1).data[1] ?? 0) > 128;
    const frameNumber = (): string | null => {
      let bits = 0;
      for (let cell = 0; cell < cells; cell += 1) bits = (bits << 1) | (bright(cell * 40 + 20, 240) ? 1 : 0);
      const count = bits >> 8;
      return (bits & 0xff) === (~count & 0xff) ? String(count) : null;
    };
    /** The middle of what is white, where that is as large as the ball. */
    const ballPosition = (): string | null => {
      const pixels = context?.getImageData(0, 0, 64, 48).data ?? [];
      const found: number[] = [];
      for (let at = 0; at < 64 * 48; at += 1) if ((pixels[at * 4 + 1] ?? 0) > 128) found.push(at);
      if (found.length < 20 || found.length > 120) return null;
      const middle = (of: (at: number) => number): number =>
        Math.round(found.reduce((sum, at) => sum + of(at), 0) / found.length);
      return `${middle((at) => at % 64)},${middle((at) => Math.floor(at / 64))}`;
    };
    video.requestVideoFrameCallback(read);
  }
}

/** Asks for another size of all that is watched: see `Room`. */
export function askForHeight(height: number | null): void {
  (globalThis as unknown as Scope).room.ask(height);
}

/** What the participant saw until now. */
export async function lookAround(): Promise<Seen> {
  const { room } = globalThis as unknown as Scope;
  const of = (stats: Record<string, unknown>, key: string): number => Number(stats[key] ?? 0);
  function repairOf(video: Record<string, unknown>): Repair {
    return {
      packets: of(video, 'packetsReceived'),
      lost: of(video, 'packetsLost'),
      retransmitted: of(video, 'retransmittedPacketsReceived'),
      nacks: of(video, 'nackCount'),
      plis: of(video, 'pliCount'),
      keyFrames: of(video, 'keyFramesDecoded'),
      freezes: of(video, 'freezeCount'),
      frozenMs: of(video, 'totalFreezesDuration') * 1000,
      frames: of(video, 'framesDecoded'),
    };
  }
  async function side(peer: RTCPeerConnection | null): Promise<Side | null> {
    if (peer === null) return null;
    const all = [...(await peer.getStats()).values()] as Record<string, unknown>[];
    const ofType = (type: string): Record<string, unknown>[] => all.filter((one) => one['type'] === type);
    const byId = (id: unknown): Record<string, unknown> | undefined => all.find((one) => one['id'] === id);
    const word = (value: unknown): string => (typeof value === 'string' ? value : '');
    const pair =
      byId(ofType('transport')[0]?.['selectedCandidatePairId']) ??
      ofType('candidate-pair').find((one) => one['selected'] === true);
    const local = byId(pair?.['localCandidateId']);
    const inbound = ofType('inbound-rtp');
    const outbound = ofType('outbound-rtp').find((one) => one['kind'] === 'video');
    const sum = (key: string): number => inbound.reduce((total, one) => total + Number(one[key] ?? 0), 0);
    return {
      state: peer.connectionState,
      path:
        local === undefined
          ? null
          : {
              localType: word(local['candidateType']),
              relayProtocol: word(local['relayProtocol']),
              url: word(local['url']),
            },
      gatheringDone: peer.iceGatheringState === 'complete',
      gathered: [...new Set(ofType('local-candidate').map((one) => word(one['candidateType'])))],
      codecs: inbound.map((one) => word(byId(one['codecId'])?.['mimeType']).toLowerCase()).sort(),
      fmtp: word(byId(inbound.find((one) => one['kind'] === 'video')?.['codecId'])?.['sdpFmtpLine']),
      framesDecoded: sum('framesDecoded'),
      soundEnergy: sum('totalAudioEnergy'),
      repair: repairOf(inbound.find((one) => one['kind'] === 'video') ?? {}),
      sent: {
        packets: of(outbound ?? {}, 'packetsSent'),
        retransmitted: of(outbound ?? {}, 'retransmittedPacketsSent'),
        frames: of(outbound ?? {}, 'framesSent'),
      },
      scalability: word(outbound?.['scalabilityMode']),
    };
  }
  function loudness(peer: RTCPeerConnection | null): number | null {
    const sound = peer?.getReceivers().find((one) => one.track.kind === 'audio');
    return sound?.getSynchronizationSources()[0]?.audioLevel ?? null;
  }
  return {
    errors: room.errors,
    course: room.course,
    tracks: [...room.tracks].sort(),
    pictures: room.pictures.size,
    shown: room.shown,
    unread: room.unread,
    size: room.size,
    layers: [...room.layers].sort(),
    described: room.described,
    loudness: loudness(room.viewer),
    speaker: room.speaker,
    viewer: await side(room.viewer),
    publisher: await side(room.publisher),
  };
}
