/** The doctor: what a viewer meets, from the name it dials to the SFU's answer; and what an abuser meets. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { AttackRow, DoctorRow } from '../contract/diagnosis.ts';
import { probePassword } from '../credentials/probe.ts';
import { issueRestCredential } from '../credentials/turn-rest.ts';
import { messageOf } from '../kit/errors.ts';
import { relayAddresses, turnHosts, type ServiceInputs } from '../namespaces/render-service-config.ts';
import { attackPeers } from './attack-peers.ts';
import { remedyFor, type FailedPath } from './doctor-remedies.ts';
import type { ConnectDtls } from './relay-probe-dtls.ts';
import { probeRelay, type RelayProbeOptions } from './relay-probe.ts';

const TTL_SECONDS = 120;
/** A closed port costs so much, one transport after the other. Nine round trips of a satellite fit. */
const CONTACT_TIMEOUT_MS = 5000;
const PROBE_TIMEOUT_MS = 8000;
const ATTACK_TIMEOUT_MS = 20_000;
const LOOKUP_TIMEOUT_MS = 3000;
const PEER_PORT = 9;

export type Patient = {
  inputs: ServiceInputs;
  /** What a client of the namespace trusts. */
  trustPem: string;
  /** A client's end where the service serves DTLS; undefined: that is not tried. */
  dtls: ConnectDtls | undefined;
};

/** What the remedies depend on. */
type Host = { firewall: FailedPath['firewall']; isHere: (address: string) => boolean };

type Transport = DoctorRow['transport'];

/** One row for each transport and host of the namespace's URIs. Never rejects. */
export async function examine(
  patient: Patient,
  options: { probes: number; nowMs: number; host: Host },
): Promise<DoctorRow[]> {
  const { inputs, dtls } = patient;
  const transports: Transport[] = [
    ...(inputs.encryptedOnly ? [] : (['udp', 'tcp'] as const)),
    'tls',
    ...(dtls === undefined ? [] : (['dtls'] as const)),
  ];
  const rows = turnHosts(inputs).map(async (host) => {
    const addresses = await addressesOf(host);
    // One after the other: they would queue for the same limits and falsify each other's times.
    const ofHost: DoctorRow[] = [];
    for (const transport of transports) {
      if (typeof addresses === 'string') {
        ofHost.push(failed(inputs, transport, host, addresses));
        continue;
      }
      for (const address of addresses)
        ofHost.push(await probe(patient, { transport, host, address }, options));
    }
    return ofHost;
  });
  return (await Promise.all(rows)).flat();
}

/** The sweep of peers that must be refused. Never rejects. */
export async function attack(
  patient: Patient,
  options: { nowMs: number; ownPorts: readonly number[] },
): Promise<AttackRow> {
  const { inputs } = patient;
  const { shieldAddress, blocks, namespace } = inputs;
  const [host = ''] = turnHosts(inputs);
  const addresses = await addressesOf(host);
  const transport = inputs.encryptedOnly ? 'tls' : 'udp';
  const nothing = { namespace, tried: 0, refused: 0, open: [] };
  if (typeof addresses === 'string') return { ...nothing, ok: false, sentence: addresses };
  const own = [...inputs.publicAddresses, ...inputs.turnBindAddresses, ...relayAddresses(inputs)];
  const result = await probeRelay({
    ...common(patient, { transport, host, address: addresses[0] ?? host }, options.nowMs),
    attack: {
      peers: attackPeers(
        own.filter((address) => isIP(address) === 4),
        [shieldAddress],
      ).map((address) => ({ address, port: PEER_PORT })),
      // A permission names no port: the SFU's address is allowed, at its media ports only.
      ports: [22, 80, 443, blocks.sfuSignaling, ...options.ownPorts].map((port) => ({
        address: shieldAddress,
        port,
      })),
    },
    timeoutMs: ATTACK_TIMEOUT_MS,
  });
  const { tried, refused, open } = result.attack ?? nothing;
  if (!result.ok && open.length === 0) {
    return {
      namespace,
      ok: false,
      tried,
      refused,
      open,
      sentence: result.sentence ?? 'The sweep did not end.',
    };
  }
  const sentence =
    open.length === 0
      ? `All ${String(tried)} attempts were refused.`
      : `${String(open.length)} of ${String(tried)} attempts were not refused: the relay of "${namespace}" is open.`;
  return { namespace, ok: open.length === 0, tried, refused, open, sentence };
}

type Way = { transport: Transport; host: string; address: string };

async function probe(
  patient: Patient,
  way: Way,
  options: { probes: number; nowMs: number; host: Host },
): Promise<DoctorRow> {
  const { transport, host, address } = way;
  const settings = common(patient, way, options.nowMs);
  const result = await probeRelay({
    ...settings,
    echoes: options.probes,
    contactTimeoutMs: CONTACT_TIMEOUT_MS,
    timeoutMs: PROBE_TIMEOUT_MS,
  });
  const { namespace, shieldAddress, blocks } = patient.inputs;
  const path = { namespace, transport, address, port: settings.port };
  const { minPort, maxPort } = blocks.sfuMedia;
  const { firewall, isHere } = options.host;
  return {
    ...path,
    host,
    ok: result.ok,
    sentence: result.sentence,
    remedy:
      result.fault === null
        ? null
        : remedyFor({
            ...{ ...path, fault: result.fault, firewall, isHere: isHere(address) },
            sfu: `${shieldAddress} udp ${String(minPort)}-${String(maxPort)}`,
          }),
    steps: result.steps,
    sent: result.echo?.sent ?? 0,
    lost: result.echo?.lost ?? 0,
    rttMs: result.echo?.rttMs ?? null,
  };
}

function common(
  { inputs, trustPem, dtls }: Patient,
  { transport, host, address }: Way,
  nowMs: number,
): RelayProbeOptions {
  const { namespace, blocks, shieldAddress, turnSecret: secret, ticketKey } = inputs;
  const credential = issueRestCredential({
    secret,
    namespace,
    subject: 'doctor',
    ttlSeconds: TTL_SECONDS,
    nowMs,
  });
  return {
    transport,
    address,
    port: portOf(inputs, transport),
    ...(transport === 'tls' ? { tls: { trustPem, host } } : {}),
    ...(transport === 'dtls' && dtls !== undefined ? { dtls } : {}),
    ...credential,
    peer: { address: shieldAddress, port: blocks.sfuMedia.minPort },
    probePassword: probePassword(ticketKey),
  };
}

function failed(inputs: ServiceInputs, transport: Transport, host: string, sentence: string): DoctorRow {
  const { namespace } = inputs;
  const port = portOf(inputs, transport);
  return {
    namespace,
    transport,
    host,
    address: null,
    port,
    ok: false,
    sentence,
    remedy: null,
    steps: [],
    sent: 0,
    lost: 0,
    rttMs: null,
  };
}

function portOf({ blocks }: ServiceInputs, transport: Transport): number {
  return transport === 'tls' || transport === 'dtls' ? blocks.turns : blocks.turn;
}

/** @returns a sentence when there is none. */
async function addressesOf(host: string): Promise<string[] | string> {
  if (isIP(host) !== 0) return [host];
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error('no answer in time'));
    }, LOOKUP_TIMEOUT_MS);
  });
  try {
    const found = await Promise.race([lookup(host, { all: true }), late]);
    return [...new Set(found.map(({ address }) => address))];
  } catch (error) {
    return `The name ${host} does not resolve: ${messageOf(error)}. Add its records, as \`namespace webrtc-status\` names them.`;
  } finally {
    clearTimeout(timer);
  }
}
