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
    return this.transceivers;
  }
  becomes(state: string) {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }
  close() {
    this.closed = true;
  }
}
