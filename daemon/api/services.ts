/** What the API needs from the domain: the classes of `namespaces/` and `cameras/` satisfy these structurally. */
import type {
  CreateDevice,
  Device,
  DeviceTunnel,
  DeviceTurn,
  EnableWebrtc,
  Namespace,
  Operation,
  PlanStep,
  WebrtcStatus,
  CapturePolicy,
} from '../contract/api.ts';
import type { CertificateView } from '../contract/certificates.ts';
import type { SfuStatus, TurnStatus } from '../contract/control.ts';
import type { DoctorReport, DoctorRequest, Inspection, PortMap, Repair } from '../contract/diagnosis.ts';
import type { TurnCredentials } from '../contract/ice.ts';
import type { ChangeQuota, QuotaView } from '../contract/quota.ts';
import type { RoomList, RoomSettings, RoomView, RoomViewers } from '../contract/rooms.ts';
import type { Kick, Mute } from '../contract/signaling.ts';
import type {
  RegisterTurnKey,
  RevokedList,
  RotateTurnSecret,
  TurnKey,
  TurnKeyList,
} from '../contract/turn-access.ts';
import type {
  DisconnectTarget,
  TurnOperationsStatus,
  TurnRefusalList,
  TurnSessionList,
} from '../contract/turn-operations.ts';

export type Unsubscribe = () => void;

export type NamespaceChange =
  | { type: 'namespace'; namespace: Namespace }
  | { type: 'namespace-removed'; name: string }
  | { type: 'operation'; operation: Operation };

/** One namespace's TURN service. Throws webrtc_not_enabled, or unavailable when the service does not answer. */
export interface TurnService {
  status(namespace: string): Promise<TurnOperationsStatus>;
  sessions(namespace: string, options: { limit: number }): Promise<TurnSessionList>;
  refusals(namespace: string): Promise<TurnRefusalList>;
  disconnect(namespace: string, target: DisconnectTarget): Promise<{ ended: number }>;
  drain(namespace: string, options: { deadlineSeconds: number }): Promise<void>;
}

/** Who may use one namespace's TURN service. Throws webrtc_not_enabled or operation_in_progress. */
export interface TurnAccessControl {
  /** Starts the operation and returns. Throws conflict when too many older secrets are still good. */
  rotateSecret(namespace: string, options: RotateTurnSecret): { operationId: string };
  revoked(namespace: string): RevokedList;
  /** Throws conflict when too many are revoked. */
  revoke(namespace: string, identity: string): Promise<{ subject: string; ended: number }>;
  /** Throws not_found when it is not revoked. */
  unrevoke(namespace: string, identity: string): Promise<void>;
  /** A user, an API key or a camera is gone: ends what it holds, everywhere or in one namespace. */
  depart(identity: string, namespace?: string): Promise<void>;
  /** Throws forbidden. */
  refuseRevoked(namespace: string, identity: string): void;
}

/** Who may derive credentials of a namespace's TURN service. Throws webrtc_not_enabled. */
export interface TurnKeys {
  list(namespace: string): TurnKeyList;
  /** Throws invalid_request for what cannot be used, conflict when there are too many. */
  register(namespace: string, request: RegisterTurnKey): Promise<TurnKey>;
  /** Throws not_found. */
  remove(namespace: string, key: Pick<TurnKey, 'kind' | 'subject'>): Promise<{ ended: number }>;
  publicKeyOf(realm: string): string | undefined;
}

/**
 * The rooms of one namespace. Throws namespace_not_found, webrtc_not_enabled, or unavailable when the SFU does
 * not answer.
 */
export interface RoomControl {
  list(namespace: string, page: { limit: number; after?: string | undefined }): Promise<RoomList>;
  /** Throws room_not_found. */
  get(namespace: string, roomId: string): Promise<RoomView>;
  /** Throws room_exists or room_limit. */
  create(namespace: string, roomId: string, settings: RoomSettings): Promise<RoomView>;
  /** Throws room_not_found. */
  close(namespace: string, roomId: string): Promise<void>;
  /** Throws room_not_found or participant_not_found. */
  viewers(namespace: string, roomId: string, participantId?: string): Promise<RoomViewers>;
  /** Throws room_not_found, participant_not_found, or invalid_request for a camera. */
  kick(namespace: string, roomId: string, kick: Kick): Promise<{ ended: number }>;
  /** Throws room_not_found or participant_not_found. */
  mute(namespace: string, roomId: string, mute: Mute): Promise<{ tracks: number }>;
  /** Throws unavailable when another node serves this room. */
  requireHere(namespace: string, roomId: string): void;
}

/** What each namespace may take of the host. Throws namespace_not_found. */
export interface Quotas {
  view(namespace: string): Promise<QuotaView>;
  change(namespace: string, change: ChangeQuota): Promise<QuotaView>;
}

/** Refusals are AppErrors with the codes of the table (namespace_not_found, operation_in_progress, ...). */
export interface NamespaceService {
  readonly turn: TurnService;
  readonly turnAccess: TurnAccessControl;
  readonly turnKeys: TurnKeys;
  readonly diagnosis: { portMap(): Promise<PortMap> };
  /** Sets anew what others changed of its surroundings. Never rejects. */
  repair(): Promise<Repair[]>;
  readonly rooms: RoomControl;
  readonly quotas: Quotas;
  list(): Namespace[];
  /** Throws namespace_not_found. */
  get(name: string): Namespace;
  create(name: string): Namespace;
  /** Refused with namespace_in_use while WebRTC is enabled; whether it has cameras is the caller's to ask. */
  delete(name: string): void;
  /** Starts the saga and returns at once. */
  enableWebrtc(name: string, options: Omit<EnableWebrtc, 'dryRun'>): { operationId: string };
  disableWebrtc(name: string): { operationId: string };
  /** What the one or the other would do; nothing changes. Refused where that is. */
  planEnable(name: string, options: Omit<EnableWebrtc, 'dryRun'>): Promise<PlanStep[]>;
  planDisable(name: string): PlanStep[];
  /** By live probes, which take at most `limitMs`: a few seconds, when it is left out. */
  status(name: string, limitMs?: number): Promise<WebrtcStatus>;
  /** What both services say of themselves; null while WebRTC is off, and for one that does not answer in time. */
  probe(name: string): Promise<{ turn: TurnStatus | null; sfu: SfuStatus | null } | null>;
  /** One of the two; null while WebRTC is off, and when it does not answer in time. */
  probeTurn(name: string, limitMs: number): Promise<TurnStatus | null>;
  probeSfu(name: string, limitMs: number): Promise<SfuStatus | null>;
  operation(id: string): Operation;
  operations(): Operation[];
  subscribe(listener: (change: NamespaceChange) => void): Unsubscribe;
  /** Throws webrtc_not_enabled. */
  turnCredentials(
    name: string,
    options: { subject: string; ttlSeconds?: number; browser?: boolean },
  ): TurnCredentials;
  /** Where the gateway finds the namespace's SFU, and the key of its tickets; undefined when not enabled. */
  signaling(name: string): { address: string; port: number; ticketKey: string } | undefined;
}

/** Examines the host; changes nothing. */
export interface Diagnosis {
  inspect(): Promise<Inspection>;
  /** Throws webrtc_not_enabled, or operation_in_progress while another one runs. */
  doctor(request: DoctorRequest): Promise<DoctorReport>;
}

/** Certificates that an authority issues over the network. */
export interface IssuedCertificates {
  list(): CertificateView[];
  /** Orders now, and returns the names. Throws not_found. */
  renew(name?: string): string[];
}

export type CameraChange = { type: 'device'; device: Device } | { type: 'device-removed'; id: string };

export interface CameraService {
  list(namespace?: string): Device[];
  /** Throws device_not_found. */
  get(id: string): Device;
  create(options: CreateDevice & { namespace: string; owner: string }): { device: Device; secret: string };
  update(id: string, change: { name?: string; capture?: CapturePolicy }): Device;
  /** A new secret; the old one stops working at once. */
  rotate(id: string): { device: Device; secret: string };
  /** Kicks the tunnel, the ingest and the viewers, then forgets the camera. */
  delete(id: string): void;
  /** The camera behind a device secret, or undefined. Constant time in the secret. */
  authenticate(secret: string): Device | undefined;
  provisionTunnel(id: string): DeviceTunnel;
  provisionTurn(id: string): DeviceTurn;
  subscribe(listener: (change: CameraChange) => void): Unsubscribe;
}
