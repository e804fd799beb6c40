/**
 * Stands in for the SFU: signaling from a script. What would be media is told to the stage page, which offers its
 * pictures to the browser.
 */
import type { WebSocket } from 'ws';
import type { Device } from '../../../daemon/contract/api.ts';
import { cameraRoomId, deviceIdOfRoom } from '../../../daemon/contract/names.ts';
import { clientFrames, serverFrames, type TrackInfo } from '../../../daemon/contract/signaling.ts';

/** A camera of the double, and what it sends. */
export type Camera = { device: Device; mimeType: string; published: boolean };
type Session = {
  id: string;
  socket: WebSocket | null;
  watched: Set<string>;
  rooms: Set<string>;
  token: string;
};

export class SfuDouble {
  readonly #cameras: ReadonlyMap<string, Camera>;
  readonly #sessions = new Map<string, Session>();
  #stage: WebSocket | undefined;
  #stageReady: () => void = () => undefined;
  readonly stageReady = new Promise<void>((resolve) => {
    this.#stageReady = resolve;
  });
  /** Everything a client sent over signaling, oldest first. */
  readonly frames: { type: string; data: Record<string, unknown> }[] = [];
  iceUrls: string[] = [];
  /** Set: joins of that camera are refused with this code. */
  readonly refusals = new Map<string, { code: string; message: string }>();
  #count = 0;

  /** @param cameras as they are at each moment. */
  constructor(cameras: ReadonlyMap<string, Camera>) {
    this.#cameras = cameras;
  }

  // -- The script ----------------------------------------------------------------------------------

  /** The camera's track appears in its room. */
  publishTrack(id: string): void {
    const camera = this.#cameras.get(id);
    if (camera === undefined) return;
    camera.published = true;
    for (const session of this.#sessions.values()) {
      if (!session.rooms.has(cameraRoomId(id))) continue;
      this.#send(session, 'track-added', { track: track(camera) });
      this.#watch(session, camera);
    }
  }

  freeze(id: string, frozen: boolean): void {
    this.#tellStage({ op: 'freeze', trackId: trackIdOf(id), frozen });
  }

  send(id: string, type: string, data: Record<string, unknown>): void {
    for (const session of this.#sessions.values()) {
      if (session.rooms.has(cameraRoomId(id))) this.#send(session, type, data);
    }
  }

  /** The gateway between ends: sessions and media go on without a socket. */
  dropSockets(): void {
    for (const session of this.#sessions.values()) session.socket?.terminate();
  }

  /** It ends: sessions and their media are gone. */
  kill(): void {
    for (const session of [...this.#sessions.values()]) {
      this.#tellStage({ op: 'end', session: session.id });
      this.#sessions.delete(session.id);
      session.socket?.terminate();
    }
  }

  // -- Signaling -----------------------------------------------------------------------------------

  /** A browser's signaling socket. */
  open(client: WebSocket): void {
    let session: Session = {
      id: `s${++this.#count}`,
      socket: client,
      watched: new Set(),
      rooms: new Set(),
      token: `token-${Math.random()}`,
    };
    this.#sessions.set(session.id, session);
    this.#welcomeSession(session, false);
    client.on('close', () => {
      if (session.socket === client) session.socket = null;
    });
    client.on('message', (raw: Buffer) => {
      const parsed = JSON.parse(raw.toString()) as {
        type: keyof typeof clientFrames;
        data: Record<string, unknown>;
      };
      const data = clientFrames[parsed.type].parse(parsed.data) as Record<string, unknown>;
      this.frames.push({ type: parsed.type, data });
      if (parsed.type === 'resume') {
        const old = [...this.#sessions.values()].find((one) => one.token === data['resumeToken']);
        if (old === undefined) {
          this.#send(session, 'error', {
            requestId: data['requestId'],
            code: 'resume_failed',
            message: 'The session is over.',
          });
          return;
        }
        this.#sessions.delete(session.id);
        old.socket = client;
        session = old;
        this.#welcomeSession(session, true);
        return;
      }
      this.#take(session, parsed.type, data);
    });
  }

  #welcomeSession(session: Session, resumed: boolean): void {
    this.#send(session, 'session', {
      sessionId: session.id,
      identity: 'mara',
      resumeToken: session.token,
      resumed,
      serverTimeMs: Date.now(),
    });
    if (resumed) return;
    this.#send(session, 'turn-credentials', {
      iceServers: this.#iceServers(),
      iceTransportPolicy: 'relay',
      username: 'viewer',
      password: 'only-for-tests',
      ttl: 600,
      uris: this.iceUrls,
    });
  }

  #iceServers() {
    return [{ urls: this.iceUrls, username: 'viewer', credential: 'only-for-tests' }];
  }

  #take(session: Session, type: string, data: Record<string, unknown>): void {
    const id = typeof data['roomId'] === 'string' ? deviceIdOfRoom(data['roomId']) : undefined;
    const camera = id === undefined ? undefined : this.#cameras.get(id);
    switch (type) {
      case 'join': {
        const refusal = this.refusals.get(id ?? '');
        if (camera === undefined || refusal !== undefined) {
          const { code, message } = refusal ?? {
            code: 'room_not_found',
            message: 'There is no such camera.',
          };
          this.#send(session, 'error', {
            requestId: data['requestId'],
            code,
            message,
            roomId: data['roomId'],
          });
          return;
        }
        session.rooms.add(cameraRoomId(camera.device.id));
        this.#send(session, 'welcome', {
          requestId: data['requestId'],
          roomId: data['roomId'],
          participantId: 'p1',
          participants: [],
          tracks: camera.published ? [track(camera)] : [],
          sourceLost: null,
        });
        if (camera.published) this.#watch(session, camera);
        return;
      }
      case 'subscribe':
        if (camera?.published === true) this.#watch(session, camera);
        return;
      case 'unsubscribe':
        if (camera === undefined) return;
        session.watched.delete(camera.device.id);
        this.#tellStage({ op: 'unwatch', session: session.id, trackId: trackIdOf(camera.device.id) });
        return;
      case 'track-state':
        this.#tellStage({
          op: 'pause',
          session: session.id,
          trackId: data['trackId'],
          paused: data['paused'] === true,
        });
        return;
      case 'answer':
        this.#tellStage({ op: 'answer', session: session.id, sdp: data['sdp'] });
        return;
      case 'ice-candidate':
        this.#tellStage({ op: 'remote', session: session.id, candidate: data['candidate'] });
        return;
      case 'restart':
        this.#tellStage({ op: 'restart', session: session.id });
        return;
      case 'ping':
        this.#send(session, 'pong', {});
        return;
      default:
        return;
    }
  }

  #watch(session: Session, camera: Camera): void {
    session.watched.add(camera.device.id);
    this.#tellStage({
      op: 'watch',
      session: session.id,
      iceServers: this.#iceServers(),
      trackId: trackIdOf(camera.device.id),
      label: camera.device.name,
    });
  }

  #send(session: Session, type: string, data: Record<string, unknown>): void {
    serverFrames[type as keyof typeof serverFrames].parse(data);
    session.socket?.send(JSON.stringify({ type, data }));
  }

  // -- Stage ---------------------------------------------------------------------------------------

  /** The socket of the page that has the pictures. */
  openStage(client: WebSocket): void {
    this.#stage = client;
    client.on('message', (raw: Buffer) => {
      const message = JSON.parse(raw.toString()) as Record<string, unknown>;
      if (message['op'] === 'ready') {
        this.#stageReady();
        return;
      }
      const session = this.#sessions.get(String(message['session']));
      if (session === undefined) return;
      const { sdp, mids, candidate, mid, trackId } = message;
      if (message['op'] === 'offer') this.#send(session, 'offer', { connection: 'subscribe', sdp, mids });
      if (message['op'] === 'candidate') {
        this.#send(session, 'ice-candidate', { connection: 'subscribe', candidate });
      }
      if (message['op'] === 'slot') this.#send(session, 'slot', { mid, trackId });
    });
  }

  #tellStage(message: Record<string, unknown>): void {
    this.#stage?.send(JSON.stringify(message));
  }
}

function trackIdOf(deviceId: string): string {
  return `track-${deviceId}`;
}

function track(camera: Camera): TrackInfo {
  return {
    trackId: trackIdOf(camera.device.id),
    roomId: cameraRoomId(camera.device.id),
    participantId: 'camera',
    identity: camera.device.id,
    kind: 'video',
    source: 'ingest',
    mimeType: camera.mimeType,
    fmtp: '',
    muted: false,
  };
}
