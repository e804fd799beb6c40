/** What the cameras need from the outside; `tunnels/`, `store/` and the composition root provide it. */
import type { Duplex } from 'node:stream';
import type { CapturePolicy } from '../contract/api.ts';
import type { TurnCredentials } from '../contract/ice.ts';
import type { sfuControlEvents, sfuControlMethods } from '../contract/control.ts';
import type { z } from 'zod';

export type Unsubscribe = () => void;

/** A tunnel as the engine knows it now. */
export type TunnelInfo = {
  id: string;
  clientId: string;
  name: string;
  labels: Record<string, string>;
  hostname: string;
  port: number;
  createdAtMs: number;
};

export type TunnelEvent =
  /** The whole list: at subscription and after the engine was out of reach. */
  | { type: 'state'; reachable: boolean; tunnels: TunnelInfo[] }
  | { type: 'created'; tunnel: TunnelInfo }
  | { type: 'deleted'; tunnel: TunnelInfo; reason: string };

/** One interface for the embedded, managed and community engines. */
export interface TunnelEngine {
  /** `host:port` cameras are told to dial. */
  readonly endpoint: string;
  /** PEM of the CA a camera must trust to reach the engine; null when it is publicly trusted. */
  readonly caPem: string | null;
  /** A token that allows exactly one published HTTP tunnel with this name and these labels. */
  mintDeviceToken(options: {
    deviceId: string;
    tunnelName: string;
    labels: Record<string, string>;
    ttlSeconds: number;
  }): { token: string; expiresAtMs: number };
  listTunnels(): TunnelInfo[];
  /** The first event, `state`, comes before the call returns. */
  watch(listener: (event: TunnelEvent) => void): Unsubscribe;
  /**
   * Opens one byte stream to the producer's HTTP server behind a tunnel. Rejects with an AdapterError
   * when the tunnel is gone or the producer does not take the stream in time. The caller ends the stream.
   */
  dial(tunnelId: string, options?: { timeoutMs?: number }): Promise<Duplex>;
  /** Closes a device's tunnel and its live streams at once. */
  kick(tunnelName: string, reason: string): void;
}

export type DeviceRecord = {
  id: string;
  namespace: string;
  name: string;
  owner: string;
  secretHash: string;
  secretPrefix: string;
  tunnelName: string;
  capture: CapturePolicy;
  onlineSinceMs: number | null;
  lastSeenAtMs: number | null;
  createdAtMs: number;
};

/** Durable inventory. Writes are on disk when the call returns; a duplicate name throws AppError device_exists. */
export interface DeviceStore {
  list(): DeviceRecord[];
  insert(record: DeviceRecord): void;
  update(id: string, change: Partial<Omit<DeviceRecord, 'id' | 'namespace' | 'createdAtMs'>>): void;
  /** Several updates in one transaction; ids that do not exist are passed over. */
  updateMany(
    updates: { id: string; change: Partial<Omit<DeviceRecord, 'id' | 'namespace' | 'createdAtMs'>> }[],
  ): void;
  delete(id: string): void;
}

type SfuMethods = typeof sfuControlMethods;

/** A live control connection to one namespace's SFU. */
export interface SfuControl {
  call<Name extends keyof SfuMethods>(
    method: Name,
    params: z.input<SfuMethods[Name]['params']>,
    options?: { timeoutMs?: number },
  ): Promise<z.output<SfuMethods[Name]['result']>>;
}

export type SfuControlEvent = {
  [Name in keyof typeof sfuControlEvents]: {
    name: Name;
    data: z.output<(typeof sfuControlEvents)[Name]>;
  };
}[keyof typeof sfuControlEvents];

/** The namespaces' side of the cameras: which SFU serves a namespace now, and what it says. */
export interface SfuDirectory {
  /** Undefined while the namespace has no WebRTC or its SFU does not answer. */
  sfu(namespace: string): SfuControl | undefined;
  /** Events of all SFUs. `connected` comes on every (re)connect: ask `demand.list` and `ingest.list` then. */
  watch(
    listener: (
      event:
        | { type: 'connected'; namespace: string }
        | { type: 'disconnected'; namespace: string }
        /** The TURN service is another process: its relays, and all media over them, are gone. */
        | { type: 'relays-restarted'; namespace: string }
        | { type: 'event'; namespace: string; event: SfuControlEvent },
    ) => void,
  ): Unsubscribe;
  /** TURN credentials of a namespace; throws AppError credential_not_configured when it has no WebRTC. */
  turnCredentials(namespace: string, options: { subject: string; ttlSeconds?: number }): TurnCredentials;
}
