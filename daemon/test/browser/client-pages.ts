/** Plain pages of an application that uses the client library: one publishes, one watches. `SERVER` is replaced. */

/** Publishes the browser's camera, its microphone and a drawn screen whose frames carry numbers. */
export const PUBLISHER_PAGE = `<!doctype html><title>publisher</title><canvas width="640" height="360"></canvas>
<script type="module">
  import { connect } from 'SERVER/client/turnkeep.js';
  const client = connect({ ticket: async () => (await fetch('/ticket')).text() });
  const errors = [];
  client.on('error', ({ message }) => errors.push(message));
  const room = client.join('lobby');
  const canvas = document.querySelector('canvas');
  const context = canvas.getContext('2d');
  let count = 0;
  setInterval(() => {
    context.fillStyle = '#246';
    context.fillRect(0, 0, 640, 360);
    const bits = (count << 8) | (~count & 0xff);
    for (let cell = 0; cell < 16; cell += 1) {
      context.fillStyle = (bits >> (15 - cell)) & 1 ? '#fff' : '#000';
      context.fillRect(cell * 40, 200, 40, 80);
    }
    count = (count + 1) & 0xff;
  }, 66);
  const media = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  const published = {
    camera: room.publish(media.getVideoTracks()[0], { codec: 'video/VP8' }),
    microphone: room.publish(media.getAudioTracks()[0]),
    screen: room.publish(canvas.captureStream().getVideoTracks()[0], { source: 'screen', codec: 'video/VP8' }),
  };
  globalThis.page = { client, room, published, errors };
</script>`;

/** Shows every track of the room in an element of its own and counts different pictures of the screen. */
export const VIEWER_PAGE = `<!doctype html><title>viewer</title>
<script type="module">
  import { connect } from 'SERVER/client/turnkeep.js';
  const client = connect({ ticket: async () => (await fetch('/ticket')).text() });
  const errors = [];
  const removed = [];
  const numbers = new Set();
  client.on('error', ({ message }) => errors.push(message));
  const room = client.join('lobby');
  room.on('track', (track) => {
    const element = document.createElement(track.kind);
    element.muted = track.kind === 'video';
    document.body.append(element);
    track.attach(element);
    if (track.source === 'screen') read(element);
  });
  room.on('track-removed', ({ source }) => removed.push(source));
  function read(video) {
    const canvas = document.createElement('canvas');
    canvas.width = 640;
    canvas.height = 360;
    const context = canvas.getContext('2d', { willReadFrequently: true });
    video.requestVideoFrameCallback(function frame() {
      context.drawImage(video, 0, 0, 640, 360);
      let bits = 0;
      for (let cell = 0; cell < 16; cell += 1) {
        bits = (bits << 1) | (context.getImageData(cell * 40 + 20, 240, 1, 1).data[1] > 128 ? 1 : 0);
      }
      if ((bits & 0xff) === (~(bits >> 8) & 0xff)) numbers.add(bits >> 8);
      video.requestVideoFrameCallback(frame);
    });
  }
  globalThis.page = { client, room, errors, removed, numbers };
</script>`;

/** Publishes a drawn picture of 640x360 in two sizes, by rid, into `ROOM`. */
export const SIMULCAST_PAGE = `<!doctype html><title>simulcast</title><canvas width="640" height="360"></canvas>
<script type="module">
  import { connect } from 'SERVER/client/turnkeep.js';
  const client = connect({ ticket: async () => (await fetch('/ticket')).text() });
  const errors = [];
  client.on('error', ({ message }) => errors.push(message));
  const canvas = document.querySelector('canvas');
  const context = canvas.getContext('2d');
  let count = 0;
  setInterval(() => {
    context.fillStyle = '#246';
    context.fillRect(0, 0, 640, 360);
    const bits = (count << 8) | (~count & 0xff);
    for (let cell = 0; cell < 16; cell += 1) {
      context.fillStyle = (bits >> (15 - cell)) & 1 ? '#fff' : '#000';
      context.fillRect(cell * 40, 200, 40, 80);
    }
    count = (count + 1) & 0xff;
  }, 66);
  const publication = client.join('ROOM', { subscribe: 'none' }).publish(canvas.captureStream().getVideoTracks()[0], {
    codec: 'video/VP8',
    encodings: [{ rid: 'l', scaleResolutionDownBy: 2 }, { rid: 'h' }],
  });
  globalThis.page = { client, publication, errors };
</script>`;

/** What a viewer's page saw. */
export type Viewed = {
  errors: string[];
  removed: string[];
  numbers: number;
  participants: string[];
  signaling: string;
  tracks: {
    trackId: string;
    source: string;
    muted: boolean;
    stats: { framesDecoded: number; bytes: number; codec: string | null } | null;
  }[];
};

/** Runs in a viewer's page. */
export async function lookAtRoom(): Promise<Viewed> {
  const { page } = globalThis as unknown as {
    page: {
      client: { state: { signaling: string } };
      room: {
        participants: { name: string }[];
        tracks: (Omit<Viewed['tracks'][number], 'stats'> & {
          stats: () => Promise<Viewed['tracks'][number]['stats']>;
        })[];
      };
      errors: string[];
      removed: string[];
      numbers: Set<number>;
    };
  };
  const tracks = await Promise.all(
    page.room.tracks.map(async (track) => ({
      trackId: track.trackId,
      source: track.source,
      muted: track.muted,
      stats: await track.stats(),
    })),
  );
  return {
    errors: page.errors,
    removed: page.removed,
    signaling: page.client.state.signaling,
    numbers: page.numbers.size,
    participants: page.room.participants.map(({ name }) => name).sort(),
    tracks: tracks.sort((a, b) => a.source.localeCompare(b.source)),
  };
}
