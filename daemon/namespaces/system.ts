/**
 * What the namespaces need from the outside: store, service manager, control sockets, files, sealer,
 * port probe and relay proof. `store/`, `system/` and `health/` provide them; the composition root connects.
 */
import type { z } from 'zod';
import type { Operation, PortBlocks } from '../contract/api.ts';
import type { sfuControlEvents, sfuControlMethods, turnControlMethods } from '../contract/control.ts';
import type { OwnQuota, Quota } from '../contract/quota.ts';
import type { RoomSettings } from '../contract/rooms.ts';
import type { DnsManager } from '../contract/daemon-config.ts';
import type { FirewallManager, FirewallOpening } from '../contract/firewall.ts';
import type { RelayScope } from '../contract/names.ts';
import type { SfuServiceConfig } from '../contract/sfu-config.ts';
import type { TurnAccess } from '../contract/turn-access.ts';
import type { TurnServiceConfig } from '../contract/turn-config.ts';

export type Unsubscribe = () => void;

// -- Store -------------------------------------------------------------------------------------------

export type NamespaceRecord = { name: string; createdAtMs: number };

/** `enabling` and `disabling` outlive a crash: the next start finishes them. */
export type WebrtcDesire = 'enabling' | 'enabled' | 'disabling';

/** One namespace's WebRTC configuration. The secrets are sealed by the host key. */
export type WebrtcRecord = {
  namespace: string;
  state: WebrtcDesire;
  /** Issues credentials. */
  sealedTurnSecret: string;
  turnAccess: TurnAccess;
  sealedTicketKey: string;
  ttlSeconds: number;
  relayScope: RelayScope;
  /** Host name of the TURN service; null without DNS. */
  domain: string | null;
  createdAtMs: number;
};

/** Which blocks a namespace owns on a node. */
export type PortClaim = { node: string; namespace: string; blocks: PortBlocks };

export type OperationKind = Operation['kind'];
export type StepState = Operation['steps'][number]['state'];
export type StepRecord = Operation['steps'][number];

export type OperationRecord = {
  id: string;
  kind: OperationKind;
  namespace: string;
  state: Operation['state'];
  startedAtMs: number;
  endedAtMs: number | null;
  steps: StepRecord[];
  error: { code: string; message: string } | null;
};

export type RoomAffinity = {
  namespace: string;
  roomId: string;
  node: string;
  updatedAtMs: number;
  /** What it was made with on purpose. Left out of a write, what was there stays; null: it came by itself. */
  settings?: RoomSettings | null;
};

/** Durable state. Synchronous; a write is on disk when the call returns. */
export interface NamespaceStore {
  namespaces(): NamespaceRecord[];
  /** Throws AppError namespace_exists. */
  insertNamespace(record: NamespaceRecord): void;
  /** Throws AppError namespace_in_use while something still belongs to it. */
  deleteNamespace(name: string): void;

  /** What the namespace has of its own; empty without one. It goes with the namespace. */
  quota(namespace: string): OwnQuota;
  setQuota(namespace: string, quota: OwnQuota): void;

  webrtcConfigs(): WebrtcRecord[];
  webrtcConfig(namespace: string): WebrtcRecord | undefined;
  /** Throws AppError webrtc_already_enabled when there is one. */
  insertWebrtcConfig(record: WebrtcRecord): void;
  setWebrtcState(namespace: string, state: WebrtcDesire): void;
  /** In one step: what issues, and what is accepted beside it. The revision grows by itself. */
  setTurnKeys(namespace: string, keys: Pick<WebrtcRecord, 'sealedTurnSecret' | 'turnAccess'>): void;
  /** Also forgets the namespace's room affinities. */
  deleteWebrtcConfig(namespace: string): void;

  portClaims(): PortClaim[];
  /** Throws AppError port_taken when a start port of the node is claimed by another namespace. */
  insertPortClaim(claim: PortClaim): void;
  deletePortClaim(node: string, namespace: string): void;

  /** Throws AppError operation_in_progress when one already runs on the namespace. */
  insertOperation(record: OperationRecord): void;
  /** Journals one step: call it before and after the step. */
  updateStep(operationId: string, step: StepRecord): void;
  finishOperation(
    operationId: string,
    end: { state: 'succeeded' | 'failed'; endedAtMs: number; error: OperationRecord['error'] },
  ): void;
  operation(id: string): OperationRecord | undefined;
  /** Newest first. */
  operations(limit: number): OperationRecord[];
  runningOperations(): OperationRecord[];

  /** Generation of the state file this database was last in step with; 0 for a new database. */
  stateGeneration(node: string): number;
  setStateGeneration(node: string, generation: number): void;

  /** DNS names without a namespace, whose records are still to be removed. */
  dnsDebts(): string[];
  addDnsDebt(name: string): void;
  deleteDnsDebt(name: string): void;

  setRoomAffinity(record: RoomAffinity): void;
  roomAffinities(namespace: string): RoomAffinity[];
  deleteRoomAffinity(namespace: string, roomId: string): void;
}

// -- Secrets -----------------------------------------------------------------------------------------

export type SealPurpose = 'turn-secret' | 'sfu-ticket-key' | 'turn-derived-key' | 'turn-server-key';

/** Seals texts with the host key. A seal opens only for the purpose and the namespace it was made for. */
export interface Sealer {
  seal(purpose: SealPurpose, namespace: string, text: string): string;
  /** Throws when the seal was made with another key, purpose or namespace, or was changed. */
  unseal(purpose: SealPurpose, namespace: string, sealed: string): string;
}

// -- Certificates --------------------------------------------------------------------------------------

/** PEM files of a certificate chain and its key; both may be one file, which is replaced in one step. */
export type CertificateFiles = { certFile: string; keyFile: string };

export type TurnCertificate = CertificateFiles & {
  /** PEM of what a client has to trust to verify the chain. */
  trustPem: string;
  /** The files have been made or replaced by this call. */
  changed: boolean;
  /** Of the leaf: SHA-256, colons. */
  fingerprint: string;
  /** Why it is not the newest there could be, or does not suit its hosts, in sentences; empty when all is well. */
  problem: string;
};

/** The certificate that each namespace's TURN service shows on its encrypted listeners. */
export interface TurnCertificates {
  /**
   * Sees to it that the namespace has a certificate that is current, at paths that never change.
   * @param hosts addresses and names it is verified for.
   * Rejects with an AdapterError when there is none and none can be made.
   */
  ensure(namespace: string, hosts: readonly string[]): Promise<TurnCertificate>;
  /** Harmless when there is none. */
  remove(namespace: string): Promise<void>;
}

// -- Services ------------------------------------------------------------------------------------------

export type ServiceKind = 'turn' | 'sfu';
export type ServiceRef = { kind: ServiceKind; namespace: string };

export type ServiceState = 'stopped' | 'starting' | 'ready' | 'waiting' | 'failed' | 'stopping';

/** `waiting`: it died and starts again soon. `failed`: it died too often or never got ready. */
export type ServiceReport = {
  state: ServiceState;
  pid: number | null;
  sinceMs: number | null;
  restarts: number;
  /** Why it is not ready, in one sentence. */
  failure: string | null;
};

/** To what the services of a namespace are held (null: to nothing), and what they take (null: nobody measures). */
export type ServiceLimits = {
  quota: Record<keyof Quota, number | null>;
  used: { memoryBytes: number | null; tasks: number | null };
};

/**
 * Runs services from their rendered configuration. Implementations: child processes, later systemd.
 * One contract test suite runs against each.
 */
export interface ServiceManager {
  /** Where the service of this name listens for the daemon. */
  controlSocket(service: ServiceRef): string;
  /** Writes the configuration (0600, atomic). @returns whether it differs from what was there. */
  writeConfig(service: ServiceRef, config: TurnServiceConfig | SfuServiceConfig): Promise<boolean>;
  removeConfig(service: ServiceRef): Promise<void>;
  /**
   * Holds all services of the namespace together to the quota, from now on and while they run; harmless when
   * repeated. Does nothing where `limits` answers null.
   */
  limit(namespace: string, quota: Quota): Promise<void>;
  /** Null: this manager holds nobody to anything. */
  limits(namespace: string): Promise<ServiceLimits | null>;
  /**
   * Sees to it that the service runs: adopts a live one, else starts it. With `supervise: 'always'` a
   * death before it was ready is retried like any other; with `once-ready` it is final.
   */
  start(service: ServiceRef, options: { supervise: 'always' | 'once-ready' }): Promise<void>;
  /** Rejects with AppError service_failed, whose sentence holds what the service said last. */
  waitReady(service: ServiceRef, options: { timeoutMs: number; signal?: AbortSignal }): Promise<void>;
  /**
   * Tells it to take no new work and to end when empty; from now on its end is no crash. Resolves when it is
   * gone. With `wait: false` as soon as it has taken the order, and rejects with service_failed if it did not.
   */
  drain(service: ServiceRef, options: { deadlineMs: number; wait?: boolean }): Promise<void>;
  /** Resolves when the process is confirmed gone; harmless when it is not there. */
  stop(service: ServiceRef): Promise<void>;
  status(service: ServiceRef): ServiceReport;
  watch(listener: (service: ServiceRef, report: ServiceReport) => void): Unsubscribe;
}

/** A live control connection to one service: each method of the contract's table. */
interface Control<Methods extends Record<string, { params: z.ZodType; result: z.ZodType }>> {
  call<Name extends keyof Methods>(
    method: Name,
    params: z.input<Methods[Name]['params']>,
    options?: { timeoutMs?: number },
  ): Promise<z.output<Methods[Name]['result']>>;
}
export type TurnControl = Control<typeof turnControlMethods>;
export type SfuControl = Control<typeof sfuControlMethods>;
/** What both have in common. */
export type ReloadControl = {
  call(method: 'reload', params: object, options: { timeoutMs: number }): Promise<unknown>;
};
export type SfuControlEvent = {
  [Name in keyof typeof sfuControlEvents]: {
    name: Name;
    data: z.output<(typeof sfuControlEvents)[Name]>;
  };
}[keyof typeof sfuControlEvents];

/** `pid` and `startedAtMs` together tell one process from the next. */
export type ControlLink<Kind> = { control: Kind; pid: number; startedAtMs: number; close(): void };

/** Opens control connections. Each rejects when nobody, or the wrong service, answers in time. */
export interface ControlConnector {
  turn(path: string, options: { namespace: string; onClose: () => void }): Promise<ControlLink<TurnControl>>;
  sfu(
    path: string,
    options: { namespace: string; onClose: () => void; onEvent: (event: SfuControlEvent) => void },
  ): Promise<ControlLink<SfuControl>>;
}

// -- Ports -------------------------------------------------------------------------------------------

export type PortUse = { protocol: 'udp' | 'tcp'; address: string; port: number };

/** `holder`: whose it is, where that is known, for example `coturn, process 4711`. */
export type HeldPort = PortUse & { holder?: string | undefined };

/** Asks the operating system by really binding. */
export interface PortProbe {
  /** @returns those of the given ports that somebody else holds (or that cannot be bound). */
  busy(uses: PortUse[]): Promise<HeldPort[]>;
}

// -- State file ----------------------------------------------------------------------------------------

/** Keeps the state file and its previous good copy. Contents are opaque text here. */
export interface StateFileStore {
  /** Null: the file is not there. Rejects when it is there and cannot be read. */
  read(): Promise<{ current: string | null; previous: string | null }>;
  /** Atomic and durable; the file that was there becomes the previous copy when `keepPrevious`. */
  write(text: string, options: { keepPrevious: boolean }): Promise<void>;
}

// -- Firewall ------------------------------------------------------------------------------------------

/** The host's packet filter. One contract test suite runs against each implementation. */
export interface Firewall {
  readonly manager: FirewallManager;
  /**
   * Sees to it that outsiders reach exactly these: the others it opened before are closed, rules of others stay
   * as they are. Rejects with an AdapterError, whose sentence names the remedy, when it cannot.
   * @returns what keeps the rules from having an effect, in a sentence; empty when nothing does.
   */
  apply(openings: readonly FirewallOpening[]): Promise<string>;
  /**
   * Looks whether the rules are still as `apply` of the same openings leaves them, and changes nothing. Rejects like it.
   * @returns how they differ, in a sentence; empty when they do not.
   */
  check(openings: readonly FirewallOpening[]): Promise<string>;
}

// -- DNS -----------------------------------------------------------------------------------------------

export interface DnsRecords {
  readonly manager: DnsManager;
  /**
   * Sees to it that the name has exactly these addresses, in one step; none: it has no address any more. Its other
   * records stay. Rejects with an AdapterError, whose sentence names the remedy, when it cannot.
   */
  set(name: string, addresses: readonly string[]): Promise<void>;
  /** @returns how what the server says of the name differs, in a sentence; empty when it does not. Never rejects. */
  check(name: string, addresses: readonly string[]): Promise<string>;
}

// -- Proof -------------------------------------------------------------------------------------------

export type RelayProofTarget = {
  namespace: string;
  /** Where the TURN service listens, as this host reaches it. */
  turn: {
    transport: 'udp' | 'tcp' | 'tls';
    address: string;
    port: number;
    /** How a `tls` listener proves itself: to whom trusts `trustPem` and dials `host`. */
    tls?: { trustPem: string; host: string };
  };
  username: string;
  password: string;
  /** The SFU's shared media port: the peer. */
  peer: { address: string; port: number };
  /** Key of the STUN check the SFU answers (credentials/probe.ts derives the password from it). */
  ticketKey: string;
  /** An address outside the allowlist: permission for it must be refused with 403. */
  forbiddenPeer: { address: string; port: number };
};

/** Proves with a real allocation that a namespace's relay works and relays to nothing else. */
export interface RelayProof {
  /** Rejects with AppError proof_failed, whose sentence says which part failed. @returns what was seen. */
  prove(
    target: RelayProofTarget,
    options: { timeoutMs: number; signal?: AbortSignal },
  ): Promise<{ rttMs: number }>;
}
