/** What is known of the namespaces of a node at one moment, from every place that knows something. */
import type { PortBlocks } from '../contract/api.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { ClusterState } from '../contract/state-file.ts';
import type { PortPlan } from './port-ledger.ts';
import type { PortClaim, PortUse, ServiceReport, WebrtcDesire } from './system.ts';

export type ServiceFacts<Status> = {
  report: ServiceReport;
  /** Null: no answer in time. */
  answer: Status | null;
  up: boolean;
  /** How it is, for the operator. */
  sentence: string;
};

export type NamespaceFacts = {
  namespace: string;
  /** What the database wants; null: WebRTC is off. */
  desired: WebrtcDesire | null;
  /** An operation runs: what differs now is being changed. */
  changing: boolean;
  /** Why it could not be brought back; null when it could. */
  broken: string | null;
  /** This process issues credentials for it. */
  served: boolean;
  blocks: PortBlocks | null;
  turn: ServiceFacts<TurnStatus>;
  sfu: ServiceFacts<SfuStatus>;
  /** Why the host's firewall is not as it has to be; empty when it is, or when nobody manages it here. */
  firewallProblem: string;
  /** Why its services are not held to its quota; empty when they are. */
  quotaProblem: string;
  /** How the DNS server's answer for its name differs; empty when it does not, or when nobody sets it here. */
  dnsProblem: string;
  /** Every socket its services have to hold, but for the relays. */
  sockets: (PortUse & { kind: 'turn' | 'sfu'; title: string })[];
};

/** One copy of the state file. */
export type StateCopy =
  { found: 'good'; state: ClusterState } | { found: 'missing' } | { found: 'bad'; problem: string };

export type NodeFacts = {
  node: string;
  plan: PortPlan;
  claims: PortClaim[];
  namespaces: NamespaceFacts[];
  /** How the rules of the firewall differ from what was set; empty when they do not. */
  firewallDrift: string;
  /** Names without a namespace whose DNS records are still to be removed. */
  dnsDebts: { name: string; problem: string }[];
  stateFile: {
    current: StateCopy;
    previous: StateCopy;
    /** What the file would say of the database as it is now. */
    wanted: ClusterState['namespaces'];
    /** What the database was last in step with. */
    databaseGeneration: number;
  };
};
