/** From what the services report to metric families. Pure. Names follow the Prometheus conventions. */
import type { SfuStatus, TurnStatus } from '../../contract/control.ts';
import { LabelValues } from './label-values.ts';

/** `null`: the service did not answer in time. */
export type NamespaceReport = {
  namespace: string;
  /** Null while WebRTC is off. */
  webrtc: { turn: TurnStatus | null; sfu: SfuStatus | null } | null;
  cameras: number;
  camerasOnline: number;
};

export type Label =
  'namespace' | 'service' | 'transport' | 'direction' | 'reason' | 'method' | 'code' | 'limit';
export type Sample = { labels: Partial<Record<Label, string>>; value: number };
export type Family = {
  name: string;
  help: string;
  type: 'counter' | 'gauge';
  labels: readonly Label[];
  samples: Sample[];
};

/** Namespaces beyond this are left out: a host carries twenty, and `turnkeep_namespaces` counts all. */
export const MAX_NAMESPACES = 64;
/** The longest table of drop reasons has thirty. */
const MAX_REASONS = 64;
/** STUN and TURN methods, and the error codes of RFC 8489, 8656 and 6062, with room for more. */
const MAX_METHODS = 16;
const MAX_CODES = 32;
/** Bounds of a TURN service have thirty names. */
const MAX_LIMITS = 64;

type Collected = { add: (value: number, labels?: Sample['labels']) => void };

export function metricFamilies(reports: readonly NamespaceReport[]): Family[] {
  const families: Family[] = [];
  const family = (
    type: Family['type'],
    name: string,
    help: string,
    labels: readonly Label[] = ['namespace'],
  ): Collected => {
    const one: Family = { name: `turnkeep_${name}`, help, type, labels, samples: [] };
    families.push(one);
    return { add: (value, own = {}) => one.samples.push({ labels: own, value }) };
  };
  const reasons = new LabelValues(MAX_REASONS);
  const methods = new LabelValues(MAX_METHODS);
  const codes = new LabelValues(MAX_CODES);
  const limitNames = new LabelValues(MAX_LIMITS);

  family('gauge', 'namespaces', 'Namespaces that the scraper may see.', []).add(reports.length);
  const cameras = family('gauge', 'cameras', 'Cameras that are set up.');
  const online = family('gauge', 'cameras_online', 'Cameras whose tunnel is open.');
  const up = family('gauge', 'service_up', '1 when the service answered this scrape.', [
    'namespace',
    'service',
  ]);
  const processCpu = family('counter', 'service_cpu_seconds_total', 'CPU seconds that a service has used.', [
    'namespace',
    'service',
  ]);
  const processRss = family('gauge', 'service_resident_bytes', 'Resident memory of a service.', [
    'namespace',
    'service',
  ]);
  const draining = family('gauge', 'turn_draining', '1 while the TURN service takes no new allocations.');
  const listeners = family('gauge', 'turn_listeners_open', 'Open TURN listeners.', [
    'namespace',
    'transport',
  ]);
  const allocations = family('gauge', 'turn_allocations', 'TURN allocations now.');
  const connections = family('gauge', 'turn_connections', 'TCP and TLS connections now.');
  const packets = family('counter', 'turn_relayed_packets_total', 'Packets relayed.', [
    'namespace',
    'direction',
  ]);
  const bytes = family('counter', 'turn_relayed_bytes_total', 'Payload bytes relayed.', [
    'namespace',
    'direction',
  ]);
  const turnDrops = family('counter', 'turn_drops_total', 'Packets the TURN service threw away.', [
    'namespace',
    'reason',
  ]);
  const refusals = family('counter', 'turn_refusals_total', 'TURN requests answered with an error.', [
    'namespace',
    'method',
    'code',
  ]);
  const kernelDrops = family(
    'counter',
    'turn_kernel_drops_total',
    'Datagrams the kernel dropped because a socket of the TURN service was full.',
  );
  const byLimit = ['namespace', 'limit'] as const;
  const limits = family('gauge', 'turn_limit', 'Bounds of the TURN service, by key of turn.limits.', byLimit);
  const used = family('gauge', 'turn_limit_used', 'What of a bound is taken now.', byLimit);
  const refused = family('counter', 'turn_limit_refused_total', 'What did not fit a bound.', byLimit);
  const sessions = family('gauge', 'sfu_sessions', 'Signaling sessions now.');
  const rooms = family('gauge', 'sfu_rooms', 'Rooms now.');
  const publishers = family('gauge', 'sfu_publishers', 'Participants that publish now.');
  const subscriptions = family('gauge', 'sfu_subscriptions', 'Tracks being watched now.');
  const forwardedPackets = family('counter', 'sfu_forwarded_packets_total', 'Packets sent to viewers.');
  const forwardedBytes = family('counter', 'sfu_forwarded_bytes_total', 'Bytes sent to viewers.');
  const sfuDrops = family('counter', 'sfu_drops_total', 'Packets the SFU threw away.', [
    'namespace',
    'reason',
  ]);

  const dataMessages = family(
    'counter',
    'sfu_data_messages_total',
    'Data messages from participants, and their copies to others.',
    ['namespace', 'direction'],
  );

  for (const report of reports.slice(0, MAX_NAMESPACES)) {
    const { namespace, webrtc } = report;
    cameras.add(report.cameras, { namespace });
    online.add(report.camerasOnline, { namespace });
    if (webrtc === null) continue;
    const { turn, sfu } = webrtc;
    up.add(turn === null ? 0 : 1, { namespace, service: 'turn' });
    up.add(sfu === null ? 0 : 1, { namespace, service: 'sfu' });
    for (const [service, load] of [
      ['turn', turn?.process],
      ['sfu', sfu?.process],
    ] as const) {
      if (load === undefined) continue;
      processCpu.add(load.cpuSeconds, { namespace, service });
      processRss.add(load.rssBytes, { namespace, service });
    }
    if (turn !== null) {
      draining.add(turn.draining ? 1 : 0, { namespace });
      for (const [transport, open] of openListeners(turn)) listeners.add(open, { namespace, transport });
      allocations.add(turn.allocations, { namespace });
      connections.add(turn.connections, { namespace });
      kernelDrops.add(turn.kernelDrops, { namespace });
      const { relayed } = turn;
      packets.add(relayed.toPeerPackets, { namespace, direction: 'to-peer' });
      packets.add(relayed.toClientPackets, { namespace, direction: 'to-client' });
      bytes.add(relayed.toPeerBytes, { namespace, direction: 'to-peer' });
      bytes.add(relayed.toClientBytes, { namespace, direction: 'to-client' });
      for (const [reason, count] of byReason(turn.drops, reasons))
        turnDrops.add(count, { namespace, reason });
      for (const { method, code, count } of byMethod(turn.refusals, methods, codes)) {
        refusals.add(count, { namespace, method, code });
      }
      for (const one of turn.limits) {
        const limit = limitNames.bounded(one.name);
        if (limit === 'other') continue; // The sum of different bounds says nothing.
        limits.add(one.limit, { namespace, limit });
        refused.add(one.refused, { namespace, limit });
        if (one.used !== undefined) used.add(one.used, { namespace, limit });
      }
    }
    if (sfu !== null) {
      sessions.add(sfu.sessions, { namespace });
      rooms.add(sfu.rooms, { namespace });
      publishers.add(sfu.publishers, { namespace });
      subscriptions.add(sfu.subscriptions, { namespace });
      forwardedPackets.add(sfu.forwarded.packets, { namespace });
      forwardedBytes.add(sfu.forwarded.bytes, { namespace });
      if (sfu.data !== undefined) {
        dataMessages.add(sfu.data.received, { namespace, direction: 'in' });
        dataMessages.add(sfu.data.sent, { namespace, direction: 'out' });
      }
      for (const [reason, count] of byReason(sfu.drops, reasons)) sfuDrops.add(count, { namespace, reason });
    }
  }
  return families;
}

const TRANSPORTS = ['udp', 'tcp', 'tls', 'dtls'] as const;

/** All four, so that a listener that closes is a 0 and no series that ends. */
function openListeners({ listeners }: TurnStatus): [string, number][] {
  return TRANSPORTS.map((transport) => [
    transport,
    listeners.filter((one) => one.transport === transport && one.open).length,
  ]);
}

/** Counts by bounded reason; those that share `other` are one sum. */
function byReason(counts: Record<string, number>, reasons: LabelValues): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [reason, count] of Object.entries(counts)) {
    const bounded = reasons.bounded(reason);
    sums.set(bounded, (sums.get(bounded) ?? 0) + count);
  }
  return sums;
}

/** The services count refusals by `Method code`. */
function byMethod(
  counts: Record<string, number>,
  methods: LabelValues,
  codes: LabelValues,
): { method: string; code: string; count: number }[] {
  const sums = new Map<string, { method: string; code: string; count: number }>();
  for (const [key, count] of Object.entries(counts)) {
    const [name = '', number = ''] = key.split(' ', 2);
    const method = methods.bounded(name);
    const code = /^[3-6][0-9]{2}$/.test(number) ? codes.bounded(number) : 'other';
    const sum = sums.get(`${method} ${code}`);
    if (sum === undefined) sums.set(`${method} ${code}`, { method, code, count });
    else sum.count += count;
  }
  return [...sums.values()];
}
