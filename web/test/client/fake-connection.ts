/** A peer connection and a stream that only remember. */
export class FakeStream {
  tracks: unknown[] = [];
  getTracks = () => this.tracks;
  addTrack = (track: unknown) => this.tracks.push(track);
  removeTrack = (track: unknown) => {
    this.tracks = this.tracks.filter((one) => one !== track);
  };
}

export class FakeConnection {
  connectionState = 'new';
  iceGatheringState = 'new';
  remoteDescription: unknown = null;
  localDescription: { sdp: string } | null = null;
  onicecandidate: ((event: { candidate: unknown }) => void) | null = null;
  onicegatheringstatechange: (() => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  candidates: unknown[] = [];
  closed = false;
  configurations: RTCConfiguration[];
  transceivers = [0, 1, 2].map((index) => ({
    mid: String(index),
    receiver: {
      track: { id: `receiver-${index}`, kind: 'video', muted: false, addEventListener: () => undefined },
    },
  }));
  constructor(configuration: RTCConfiguration) {
    this.configurations = [configuration];
  }
  setConfiguration(configuration: RTCConfiguration) {
    this.configurations.push(configuration);
  }
  setRemoteDescription(description: unknown) {
    this.remoteDescription = description;
    return Promise.resolve();
  }
  setLocalDescription() {
    this.localDescription = { sdp: 'answer' };
    return Promise.resolve();
  }
  addIceCandidate(candidate: unknown) {
    this.candidates.push(candidate);
    return Promise.resolve();
  }
  getTransceivers() {
    return this.senders.length > 0 ? this.senders : this.transceivers;
  }
  restarts = 0;
  restartIce() {
    this.restarts += 1;
  }
  addTransceiver(track: { kind: string }, init: object) {
    const transceiver = new FakeSender(String(this.senders.length), track, init);
    this.senders.push(transceiver);
    return transceiver;
  }
  senders: FakeSender[] = [];
  channels: FakeChannel[] = [];
  createDataChannel(label: string, init: { ordered?: boolean }) {
    const channel = new FakeChannel(label, init.ordered ?? true);
    this.channels.push(channel);
    return channel;
  }
  becomes(state: string) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
  close() {
    this.closed = true;
    // Without an event, as the specification has it.
    for (const channel of this.channels) channel.readyState = 'closed';
  }
}

/** A data channel that keeps what is sent on it. */
export class FakeChannel {
  label: string;
  ordered: boolean;
  readyState = 'connecting';
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: (() => void) | null = null;
  sent: Uint8Array[] = [];
  constructor(label: string, ordered: boolean) {
    this.label = label;
    this.ordered = ordered;
  }
  opens() {
    this.readyState = 'open';
    this.onopen?.();
  }
  send(message: Uint8Array) {
    this.sent.push(message);
  }
}

export class FakeSender {
  mid: string;
  direction = 'sendonly';
  currentDirection = 'sendonly';
  receiver: { track: { kind: string } };
  sent: unknown;
  init: object;
  sender = {
    replaceTrack: (track: unknown) => {
      this.sent = track;
      return Promise.resolve();
    },
    getParameters: () => ({ encodings: [{}] }),
  };
  constructor(mid: string, track: { kind: string }, init: object) {
    this.mid = mid;
    this.sent = track;
    this.receiver = { track: { kind: track.kind } };
    this.init = init;
  }
  setCodecPreferences() {
    // Nothing to choose from.
  }
}
