/**
 * `node picture-meter.ts URL`: a viewer by relay only, without a screen: it opens the signaling session, joins the room,
 * and writes a line `frame MS` (Unix time) for each picture that arrives. It resumes its session when its socket breaks, as the client library does; a session
 * that cannot be resumed is a line `lost`, and it begins anew. Runs on another host.
 */
import { RTCPeerConnection, RTCRtpCodecParameters } from 'werift';
import { WebSocket } from 'ws';

const [url = '', roomId = ''] = process.argv.slice(2);
const AGAIN_MS = 300;
const now = (): number => performance.timeOrigin + performance.now();
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

type Frame = Record<string, unknown> & { type: string };
type IceServer = { urls: string | string[]; username: string; credential: string };

let peer: RTCPeerConnection | undefined;
let iceServers: IceServer[] = [];
let resumeToken: string | undefined;
/** The answers, one after another. */
let tail = Promise.resolve();

function open(): void {
  const socket = new WebSocket(url, { rejectUnauthorized: false, handshakeTimeout: 5000 });
  const send = (type: string, data: object = {}): void => {
    socket.send(JSON.stringify({ type, ...data }));
  };
  const begin = (): void => {
    resumeToken = undefined;
    peer?.close().catch(() => undefined);
    peer = undefined;
    send('join', { roomId });
  };
  socket.on('open', () => {
    if (resumeToken === undefined) begin();
    else send('resume', { resumeToken });
  });
  let resuming = resumeToken !== undefined;
  socket.on('message', (text: Buffer) => {
    const raw = JSON.parse(text.toString()) as Frame & { data?: Record<string, unknown> };
    // The first frames leave before the server knows the client's form.
    const frame: Frame = raw.data === undefined ? raw : { type: raw.type, ...raw.data };
    if (frame.type === 'session') {
      // A socket is greeted with a session of its own before its first frame is read.
      if (resuming && frame['resumed'] !== true) return;
      resuming = false;
      resumeToken = frame['resumeToken'] as string;
    } else if (frame.type === 'turn-credentials') {
      iceServers = frame['iceServers'] as IceServer[];
    } else if (frame.type === 'error') {
      say(`error ${String(frame['code'])} ${String(frame['message'])}`);
      // No session any more, an SFU that is being started again, or a connection that ended: werift knows no restart of ICE.
      const isOver = frame['connection'] === 'subscribe' || frame['code'] === 'unavailable';
      if (!resuming && !isOver) return;
      resuming = false;
      say('lost');
      resumeToken = undefined;
      socket.close();
    } else if (frame.type === 'offer') {
      const sdp = frame['sdp'] as string;
      tail = tail.then(async () => {
        send('answer', { sdp: await answer(sdp) });
      });
      tail = tail.catch((error: unknown) => {
        say(`error ${String(error)}`);
      });
    }
  });
  socket.on('error', () => undefined);
  socket.on('close', () => setTimeout(open, AGAIN_MS));
}

async function answer(sdp: string): Promise<string> {
  peer ??= viewer();
  await peer.setRemoteDescription({ type: 'offer', sdp });
  await peer.setLocalDescription(await peer.createAnswer());
  return peer.localDescription!.sdp;
}

function viewer(): RTCPeerConnection {
  const turn = iceServers.flatMap(({ urls, ...rest }) =>
    [urls].flat().map((one) => ({ urls: one, ...rest })),
  );
  const connection = new RTCPeerConnection({
    // werift uses the first TURN address of the list only.
    iceServers: turn.filter(({ urls }) => urls.startsWith('turn:')).slice(0, 1),
    iceTransportPolicy: 'relay',
    iceUseIpv6: false,
    codecs: {
      audio: [],
      video: [
        new RTCRtpCodecParameters({
          mimeType: 'video/H264',
          clockRate: 90_000,
          rtcpFeedback: [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }],
          parameters: 'level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f',
        }),
      ],
    },
  });
  let last: number | undefined;
  connection.onTrack.subscribe((track) => {
    track.onReceiveRtp.subscribe(({ header }) => {
      if (header.timestamp === last) return;
      last = header.timestamp;
      say(`frame ${now().toFixed(1)}`);
    });
  });
  connection.connectionStateChange.subscribe((state) => {
    say(`state ${state}`);
  });
  return connection;
}

open();
