/** The facts of a healthy node with one enabled namespace, for checks that look at one thing each. */
import type { Facts } from '../../health/inspect/facts.ts';
import { claimPorts, DEFAULT_PORT_PLAN } from '../../namespaces/port-ledger.ts';
import type { ServiceFacts } from '../../namespaces/node-facts.ts';
import type { ServiceReport } from '../../namespaces/system.ts';

export const NOW_MS = Date.parse('2026-06-01T12:00:00.000Z');
const DAY_MS = 86_400_000;

const report = (pid: number): ServiceReport => ({
  state: 'ready',
  pid,
  sinceMs: NOW_MS,
  restarts: 0,
  failure: null,
});

export function healthyFacts(): Facts {
  const claim = claimPorts([], DEFAULT_PORT_PLAN, { node: 'local', namespace: 'demo' });
  const { blocks } = claim;
  const up = (pid: number): ServiceFacts<never> => ({
    report: report(pid),
    answer: null,
    up: true,
    sentence: 'It answers.',
  });
  const state = {
    version: 1 as const,
    generation: 4,
    node: 'local',
    saved_at: '2026-05-31T00:00:00.000Z',
    namespaces: [
      {
        name: 'demo',
        has_sfu: true,
        has_turn: true,
        ports: blocks,
        domain: null,
        credential_ttl_seconds: 600,
        relay_scope: 'sfu' as const,
        sealed_turn_secret: 's',
        sealed_ticket_key: 'k',
        turn_access: { revision: 0, accepted: [], revoked: [], derived: [], sealedServerKey: null },
        quota: {},
      },
    ] as never,
  };
  const sockets = [
    {
      kind: 'turn' as const,
      title: 'TURN port',
      protocol: 'udp' as const,
      address: '192.0.2.9',
      port: blocks.turn,
    },
    {
      kind: 'sfu' as const,
      title: 'SFU media port',
      protocol: 'udp' as const,
      address: '10.0.0.1',
      port: blocks.sfuMedia.minPort,
    },
  ];
  return {
    node: {
      node: 'local',
      plan: DEFAULT_PORT_PLAN,
      claims: [claim],
      namespaces: [
        {
          namespace: 'demo',
          desired: 'enabled',
          changing: false,
          broken: null,
          served: true,
          firewallProblem: '',
          quotaProblem: '',
          dnsProblem: '',
          blocks,
          turn: up(11),
          sfu: up(12),
          sockets,
        },
      ],
      firewallDrift: '',
      dnsDebts: [],
      stateFile: {
        current: { found: 'good', state },
        previous: { found: 'good', state: { ...state, generation: 3 } },
        wanted: structuredClone(state.namespaces),
        databaseGeneration: 4,
      },
    },
    holders: new Map([
      [
        'demo',
        [
          { ...sockets[0]!, holder: 'node turn-service.ts, process 11' },
          { ...sockets[1]!, holder: 'node sfu-service.ts, process 12' },
        ],
      ],
    ]),
    database: { path: '/data/turnkeep.db', problems: [], file: 'same', corruption: [] },
    units: [{ unit: 'turnkeepd.service', subject: 'host', state: 'fine' }],
    addresses: {
      bind: ['0.0.0.0'],
      shield: '10.0.0.1',
      announced: ['192.0.2.9'],
      host: ['127.0.0.1', '10.0.0.1', '192.0.2.9'],
    },
    certificates: [
      {
        title: 'TURN certificate',
        subject: 'demo',
        path: '/data/demo.pem',
        renewed: 'here',
        orderProblem: '',
        problem: null,
        fingerprint: 'AA',
        notBeforeMs: NOW_MS - DAY_MS,
        notAfterMs: NOW_MS + 100 * DAY_MS,
      },
    ],
    clock: { nowMs: NOW_MS, movedMs: 0, synchronised: true },
    resources: {
      receiveBufferBytes: 8_388_608,
      sendBufferBytes: 8_388_608,
      openFiles: { used: 50, limit: 65_536 },
      disk: { path: '/data', freeBytes: 1e10, totalBytes: 2e10, readOnly: false },
    },
    relays: [{ namespace: 'demo', rttMs: 1.5, problem: null }],
  };
}
