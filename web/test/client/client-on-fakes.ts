/** A client whose server, browser and time are the test. */
import t from 'tap';
import { TurnkeepClient } from '../../client/turnkeep-client.ts';
import { FakeConnection } from './fake-connection.ts';
import { FakeSocket } from './fake-socket.ts';
import { FakeTimers, settle } from './fake-timers.ts';

export function clientOnFakes() {
  const timers = new FakeTimers();
  const sockets: FakeSocket[] = [];
  const connections: FakeConnection[] = [];
  const hidden = { now: false };
  const client = new TurnkeepClient({
    fetchTicket: () => Promise.resolve('ticket'),
    openSocket: () => {
      sockets.push(new FakeSocket());
      return sockets.at(-1)!;
    },
    timers,
    isHidden: () => hidden.now,
    media: {
      createConnection: (configuration) => {
        connections.push(new FakeConnection(configuration));
        return connections.at(-1) as unknown as RTCPeerConnection;
      },
      canPlay: (mimeType) => mimeType !== 'video/AV1',
    },
  });
  t.teardown(() => {
    client.close();
  });
  const socket = (): FakeSocket => sockets.at(-1)!;
  const begin = async (resumed = false): Promise<void> => {
    await settle();
    socket().open();
    const session = { sessionId: 's', identity: 'key:1', resumeToken: `t${sockets.length}`, serverTimeMs: 1 };
    // The socket's own fresh session comes before the answer to `resume`.
    if (resumed) socket().receive('session', { ...session, resumed: false });
    socket().receive('session', { ...session, resumed });
    if (!resumed) socket().receive('turn-credentials', CREDENTIALS);
  };
  return {
    timers,
    client,
    sockets,
    connections,
    socket,
    begin,
    hidden,
    connection: () => connections.at(-1)!,
  };
}

const CREDENTIALS = {
  iceServers: [{ urls: ['turn:keep:3478?transport=udp'], username: 'u', credential: 'p' }],
  iceTransportPolicy: 'relay',
  username: 'u',
  password: 'p',
  ttl: 600,
  uris: [],
};
