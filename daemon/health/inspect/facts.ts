/** Everything the checks judge, collected before the first of them runs. Plain data. */
import type { NodeFacts } from '../../namespaces/node-facts.ts';
import type { HeldPort } from '../../namespaces/system.ts';

export type DatabaseFacts = {
  path: string;
  /** Why the real one is not open; empty when it is. */
  problems: string[];
  /** The file under its path: the open one, none, or another one. */
  file: 'same' | 'missing' | 'replaced';
  /** What SQLite finds in it; empty when it is sound. */
  corruption: string[];
};

export type CertificateFacts = {
  title: string;
  /** `host`, or whose it is. */
  subject: string;
  path: string;
  /** Who renews it: this host's own authority, one on the network, or the operator. */
  renewed: 'here' | 'by-authority' | 'by-operator';
  /** Why the newest order failed; empty when it did not. */
  orderProblem: string;
  /** Why it cannot be used; null when it can. */
  problem: string | null;
  fingerprint: string | null;
  notBeforeMs: number;
  notAfterMs: number;
};

export type ClockFacts = {
  nowMs: number;
  /** By how much the clock was set since this process started; positive is forward. */
  movedMs: number;
  /** What the system says of its time synchronisation; null when nobody can say. */
  synchronised: boolean | null;
};

export type ResourceFacts = {
  /** Largest socket buffers, in bytes; null when they cannot be read. */
  receiveBufferBytes: number | null;
  sendBufferBytes: number | null;
  openFiles: { used: number; limit: number } | null;
  /** Of the file system of the data. */
  disk: { path: string; freeBytes: number; totalBytes: number; readOnly: boolean } | null;
};

export type UnitFacts = {
  unit: string;
  /** `host`, or whose service it is. */
  subject: string;
  state: 'fine' | 'masked' | 'disabled' | 'missing';
};

export type AddressFacts = {
  /** As configured: what the listeners bind, the shield, and what viewers are told. */
  bind: readonly string[];
  shield: string;
  announced: readonly string[];
  /** Of the interfaces. */
  host: readonly string[];
};

export type RelayFacts = { namespace: string; rttMs: number | null; problem: string | null };

export type Facts = {
  node: NodeFacts;
  /** Who holds the sockets of the namespaces, in the order of `node`; holder undefined: nobody. */
  holders: Map<string, HeldPort[]>;
  database: DatabaseFacts;
  certificates: CertificateFacts[];
  /** Empty where services are no units. */
  units: UnitFacts[];
  addresses: AddressFacts;
  clock: ClockFacts;
  resources: ResourceFacts;
  /** One real relay each: what is enabled and says it is up. */
  relays: RelayFacts[];
};
