/** The table of what the RFCs ask, against the running service over UDP and TCP. */
import t from 'tap';
import { DEFAULT_TURN_LIMITS } from '../../contract/turn-config.ts';
import { ERROR_REASONS } from '../../turn/codec/attribute-types.ts';
import { BEHAVIOURS, faultOf } from '../helpers/turn-behaviours.ts';
import { credential, startTurn } from '../helpers/turn-client.ts';

t.setTimeout(170_000);

const limits = { allocationsPerUser: 3, permissionsPerAllocation: 4 };
/** RFC 6062 only: their rows stand where TCP relaying is tested. */
const OF_TCP_RELAYING = ['446', '447'];

t.test('every error code of the product has a row', (t) => {
  const proven = new Set(BEHAVIOURS.flatMap(({ codes = [] }) => codes.map(String)));
  t.same(
    Object.keys(ERROR_REASONS).filter((code) => !proven.has(code) && !OF_TCP_RELAYING.includes(code)),
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
