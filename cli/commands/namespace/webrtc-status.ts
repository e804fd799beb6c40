import { Command } from 'commander';
import { webrtcStatusSchema, type WebrtcStatus } from '../../../daemon/contract/api.ts';
import type { ContextOf } from '../../cli-context.ts';
import { printable, table } from '../../output.ts';
import { quotaRows } from './quota.ts';

/** `turnkeep namespace webrtc-status --namespace NAME` */
export function webrtcStatusCommand(contextOf: ContextOf): Command {
  return new Command('webrtc-status')
    .description('ask the running services how they are: live probes, not a database row')
    .requiredOption('-n, --namespace <name>', 'the namespace')
    .addHelpText('after', '\nExample:\n  turnkeep namespace webrtc-status --namespace demo --json\n')
    .action(async ({ namespace }: { namespace: string }, command: Command) => {
      const { client, output } = contextOf(command);
      const path = `/v1/namespaces/${encodeURIComponent(namespace)}/webrtc/status`;
      const status = await client.get(path, webrtcStatusSchema);
      output.show(status, () => describe(status));
    });
}

const RELAYS = { sfu: 'to the SFU only', public: 'to the SFU and to public addresses' } as const;

/** A node that serves encrypted TURN only keeps the plain port, closed. */
function plainTurn({ uris }: WebrtcStatus, port: number): string {
  const open = uris.some((uri) => uri.startsWith('turn:'));
  return open ? String(port) : `${String(port)} (kept closed: encrypted TURN only)`;
}

function firewallRows({ firewall }: WebrtcStatus): string[][] {
  if (firewall === undefined || firewall.open.length === 0) return [];
  const { manager, open, problem } = firewall;
  const title = manager === 'none' ? 'not managed; outsiders need' : `${manager}, open:`;
  return [['Firewall', `${title} ${open.join(', ')}`], ...(problem === '' ? [] : [['', printable(problem)]])];
}

function dnsRows({ dns }: WebrtcStatus): string[][] {
  if (dns === undefined || dns.records.length === 0) return [];
  const { manager, records, problem } = dns;
  const title = manager === 'none' ? 'not managed; needed: ' : '';
  return [['DNS', `${title}${records.join(', ')}`], ...(problem === '' ? [] : [['', printable(problem)]])];
}

function workerRows({ workers = [] }: WebrtcStatus): string[][] {
  return workers.map(({ index, pid, rooms, subscriptions, restarts }, at) => {
    const process = pid === null ? 'being started again' : `pid ${String(pid)}`;
    const load = `rooms ${String(rooms)}, subscriptions ${String(subscriptions)}`;
    return [
      at === 0 ? 'SFU workers' : '',
      `${String(index)}: ${load}, restarts ${String(restarts)}  (${process})`,
    ];
  });
}

function describe(status: WebrtcStatus): string {
  const { ports } = status;
  const count = (value: number | null): string => (value === null ? 'unknown' : String(value));
  const range = ({ minPort, maxPort }: { minPort: number; maxPort: number }): string =>
    `${String(minPort)}-${String(maxPort)}`;
  const service = (one: WebrtcStatus['turn']): string =>
    one === null
      ? 'not there'
      : printable(`${one.up}  ${one.sentence}${one.pid === null ? '' : `  (pid ${String(one.pid)})`}`);
  const rows = [
    ['Namespace', status.namespace],
    ['WebRTC', status.state],
    ['TURN', service(status.turn)],
    ['SFU', service(status.sfu)],
    ...workerRows(status),
    ['Sessions', count(status.sessions)],
    ['Rooms', count(status.rooms)],
    ['Allocations', count(status.allocations)],
    ...(status.relay === undefined ? [] : [['Relay', RELAYS[status.relay]]]),
    ...firewallRows(status),
    ...dnsRows(status),
    ...(status.quota === undefined ? [] : quotaRows(status.quota)),
    ['Credential TTL', `${String(status.credentialTtlSeconds)} s`],
    ...status.uris.map((uri, at) => [at === 0 ? 'TURN URIs' : '', uri]),
  ];
  if (ports !== null) {
    rows.push(
      ['Ports', `TURN ${plainTurn(status, ports.turn)}, TURNS ${String(ports.turns)}`],
      ['', `relay ${range(ports.turnRelay)}, media ${range(ports.sfuMedia)}`],
      ['', `signaling ${String(ports.sfuSignaling)}`],
    );
  }
  const [first = [], ...rest] = rows;
  return table(first, rest);
}
