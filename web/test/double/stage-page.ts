/**
 * The double's SFU end, run inside a second Chromium page: draws moving scenes on canvases and offers them
 * to every session the double announces. Served as a script; it shares no code with the product.
 */
export const STAGE_SCRIPT = String.raw`
const socket = new WebSocket('ws://' + location.host + '/stage');
const scenes = new Map();
const sessions = new Map();
const say = (message) => socket.send(JSON.stringify(message));

function scene(trackId, label) {
  if (scenes.has(trackId)) return scenes.get(trackId);
  const canvas = document.createElement('canvas');
  canvas.width = 320;
  canvas.height = 180;
  const draw = canvas.getContext('2d');
  let hue = 0;
  for (const letter of label) hue = (hue * 31 + letter.charCodeAt(0)) % 360;
  const made = { canvas, frozen: false, track: canvas.captureStream(8).getVideoTracks()[0] };
  let frame = 0;
  draw.scale(0.5, 0.5);
  setInterval(() => {
    if (made.frozen) return;
    frame++;
    const sky = draw.createLinearGradient(0, 0, 0, 360);
    sky.addColorStop(0, 'hsl(' + hue + ' 25% 62%)');
    sky.addColorStop(0.55, 'hsl(' + hue + ' 15% 45%)');
    sky.addColorStop(1, 'hsl(' + (hue + 40) % 360 + ' 12% 30%)');
    draw.fillStyle = sky;
    draw.fillRect(0, 0, 640, 360);
    draw.fillStyle = 'hsl(' + (hue + 180) % 360 + ' 45% 55%)';
    draw.fillRect((frame * 4) % 760 - 120, 190, 120, 70);
    draw.fillStyle = '#e8e8e8';
    draw.fillRect(60, 120, 200, 110);
    draw.fillStyle = '#fff';
    draw.font = '16px monospace';
    draw.fillText(new Date().toISOString().slice(0, 19).replace('T', ' '), 10, 24);
    draw.fillText(label + ' ' + frame, 10, 46);
  }, 125);
  scenes.set(trackId, made);
  return made;
}

function session(id, iceServers) {
  if (sessions.has(id)) return sessions.get(id);
  const connection = new RTCPeerConnection({ iceServers, iceTransportPolicy: 'relay', bundlePolicy: 'max-bundle' });
  const made = { connection, slots: [], busy: false, again: false };
  connection.onicecandidate = ({ candidate }) => say({ op: 'candidate', session: id, candidate });
  sessions.set(id, made);
  return made;
}

async function offer(id, one, options) {
  if (one.busy) {
    one.again = true;
    return;
  }
  one.busy = true;
  await one.connection.setLocalDescription(await one.connection.createOffer(options));
  const mids = {};
  for (const { transceiver, trackId } of one.slots) if (transceiver.mid !== null) mids[transceiver.mid] = trackId;
  say({ op: 'offer', session: id, sdp: one.connection.localDescription.sdp, mids });
}

const work = {
  watch({ session: id, iceServers, trackId, label }) {
    const one = session(id, iceServers);
    if (one.slots.some((slot) => slot.trackId === trackId)) return;
    const { track } = scene(trackId, label);
    const free = one.slots.find((slot) => slot.trackId === null);
    if (free !== undefined) {
      free.trackId = trackId;
      free.transceiver.sender.replaceTrack(track);
      if (free.transceiver.mid !== null) say({ op: 'slot', session: id, mid: free.transceiver.mid, trackId });
      return;
    }
    one.slots.push({ trackId, transceiver: one.connection.addTransceiver(track, { direction: 'sendonly' }) });
    void offer(id, one);
  },
  unwatch({ session: id, trackId }) {
    const slot = sessions.get(id)?.slots.find((one) => one.trackId === trackId);
    if (slot === undefined) return;
    slot.trackId = null;
    slot.transceiver.sender.replaceTrack(null);
    // Before the first answer the section has no id, and no one knows it.
    if (slot.transceiver.mid !== null) say({ op: 'slot', session: id, mid: slot.transceiver.mid, trackId: null });
  },
  async answer({ session: id, sdp }) {
    const one = sessions.get(id);
    if (one === undefined) return;
    await one.connection.setRemoteDescription({ type: 'answer', sdp });
    one.busy = false;
    if (!one.again) return;
    one.again = false;
    await offer(id, one);
  },
  async remote({ session: id, candidate }) {
    if (candidate !== null) await sessions.get(id)?.connection.addIceCandidate(candidate);
  },
  pause({ session: id, trackId, paused }) {
    const slot = sessions.get(id)?.slots.find((one) => one.trackId === trackId);
    slot?.transceiver.sender.replaceTrack(paused ? null : scenes.get(trackId).track);
  },
  restart({ session: id }) {
    const one = sessions.get(id);
    if (one !== undefined) void offer(id, one, { iceRestart: true });
  },
  end({ session: id }) {
    sessions.get(id)?.connection.close();
    sessions.delete(id);
  },
  freeze({ trackId, frozen }) {
    const made = scenes.get(trackId);
    if (made !== undefined) made.frozen = frozen;
  },
};
socket.onmessage = async ({ data }) => {
  const message = JSON.parse(data);
  try {
    await work[message.op](message);
  } catch (error) {
    console.error(message.op + ': ' + error);
  }
};
socket.onopen = () => say({ op: 'ready' });
`;
