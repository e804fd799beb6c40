/** The table of what the RFCs ask, against the running service over UDP and TCP. */
import t from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-config.ts';
import { ERROR_REASONS } from '../../turn/codec/attribute-types.ts';
import { BEHAVIOURS, faultOf } from '../helpers/turn-behaviours.ts';
import { TCP_BEHAVIOURS } from '../helpers/turn-tcp-behaviours.ts';
import { credential, startTurn } from '../helpers/turn-client.ts';

t.setTimeout(170_000);

const limits = { allocationsPerUser: 3, permissionsPerAllocation: 4 };

t.test('every error code of the product has a row', (t) => {
  const proven = new Set([...BEHAVIOURS, ...TCP_BEHAVIOURS].flatMap(({ codes = [] }) => codes.map(String)));
  t.same(
    Object.keys(ERROR_REASONS).filter((code) => !proven.has(code)),
    [],
  );
  t.end();
});

t.test('what the RFCs ask', async (t) => {
  const peerAddress = '127.0.37.22';
  const turn = await startTurn(t, {
    address: '127.0.37.20',
    config: {
      relay: { addresses: ['127.0.37.21'], minPort: 54_400, maxPort: 54_999 },
      limits: { ...DEFAULT_TURN_LIMITS, ...limits, connectionsPerAddress: 512 },
      peers: {
        scope: 'sfu',
        allow: [
          { address: peerAddress, minPort: 1, maxPort: 65_535 },
          ...Array.from({ length: 8 }, (_, at) => ({
            address: `127.0.37.${100 + at}`,
            minPort: 1,
            maxPort: 65_535,
          })),
        ],
      },
    },
  });
  let users = 0;
  const user = (): { username: string; password: string } => credential({ subject: `user-${(users += 1)}` });
  for (const transport of ['udp', 'tcp'] as const) {
    const { address, port } = turn;
    const subject = {
      ...{ address, port, transport, user, peerAddress, ...limits },
      strangerAddress: '127.0.37.100',
      waitMs: 20_000,
    };
    const faults = await Promise.all(BEHAVIOURS.map((row) => faultOf(t, row, subject)));
    for (const [at, { name, rfc }] of BEHAVIOURS.entries()) {
      t.equal(faults[at], undefined, `${transport}: ${name} (${rfc})`);
    }
  }
  t.equal(await turn.stop(), 0);
});

t.test('what RFC 6062 asks of a relay of TCP', async (t) => {
  const peerAddress = '127.0.41.32';
  const turn = await startTurn(t, {
    address: '127.0.41.30',
    transports: ['tcp'],
    config: {
      relay: { addresses: ['127.0.41.31'], minPort: 54_000, maxPort: 54_099 },
      limits: { ...DEFAULT_TURN_LIMITS, connectionsPerAddress: 512 },
      peers: { scope: 'public', allow: [{ address: peerAddress, minPort: 1, maxPort: 65_535 }] },
    },
  });
  let users = 0;
  const user = (): { username: string; password: string } => credential({ subject: `tcp-${(users += 1)}` });
  const { address, port } = turn;
  const subject = {
    ...{ address, port, transport: 'tcp' as const, user, peerAddress, ...limits },
    strangerAddress: '127.0.41.33',
    waitMs: 20_000,
  };
  const faults = await Promise.all(TCP_BEHAVIOURS.map((row) => faultOf(t, row, subject)));
  for (const [at, { name, rfc }] of TCP_BEHAVIOURS.entries()) {
    t.equal(faults[at], undefined, `${name} (${rfc})`);
  }
  t.equal(await turn.stop(), 0);
});
