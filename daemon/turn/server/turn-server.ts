/**
 * Sockets round the TURN core: listeners, relay sockets, one timer. Carries out the core's actions and
 * owns everything it opens.
 */
import { randomBytes } from 'node:crypto';
import type { TurnServiceConfig, TurnTransport } from '../../contract/turn-config.ts';
import { CleanupStack } from '../../kit/cleanup-stack.ts';
import type { Cancel, Clock } from '../../kit/clock.ts';
import { assertNever, isErrno, messageOf } from '../../kit/errors.ts';
import { formatEndpoint } from '../../kit/ip-address.ts';
import type { Logger } from '../../kit/logger.ts';
import { RateLimiter } from '../../kit/rate-limiter.ts';
import type { Action } from '../core/actions.ts';
import { TurnCore } from '../core/turn-core.ts';
import {
  CertificateError,
  describeCertificate,
  isSameCertificate,
  type Certificate,
  type CertificateStatus,
} from './certificate.ts';
import type { ClientPath } from './client-path.ts';
import type { ServiceAllocation, ServiceCore, ServiceRelay } from './relay-socket.ts';
import { loadDatagramEngine } from '../../datagrams/load-engine.ts';
import { KernelDrops } from './kernel-drops.ts';
import { listenFailure } from './listen-failure.ts';
import { interfaceAddresses, interfaceMtu } from './own-addresses.ts';
import { RelayPool } from './relay-pool.ts';
import { ConnectionLimits } from './connection-limits.ts';
import { DtlsListener } from './dtls/dtls-listener.ts';
import { loadDtlsEngine } from './dtls/openssl-engine.ts';
import { StreamListener } from './stream-listener.ts';
import { DataConnections } from './tcp-relay/data-connections.ts';
import { turnSettings } from './turn-settings.ts';
import { UdpListener } from './udp-listener.ts';

type Listener = {
  transport: TurnTransport;
  address: string;
  port: number;
  server: UdpListener | StreamListener | DtlsListener | undefined;
};

type PortHolder = (use: {
  protocol: 'udp' | 'tcp';
  address: string;
  port: number;
}) => Promise<string | undefined>;

/** Log lines that a client can cause; the counters in `status` stay exact. */
const CLIENT_LOG_LIMIT = { perSecond: 5, burst: 20 };
/** A deadline is met at most this late, so that bursts of expiries share one timer. */
const TIMER_GRAIN_MS = 20;

export class TurnServer {
  readonly core: ServiceCore;
  readonly connections: ConnectionLimits;
  readonly #pool: RelayPool;
  readonly #dataConnections: DataConnections;
  readonly #listeners: Listener[] = [];
  readonly #cleanup = new CleanupStack();
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #portHolder: PortHolder;
  readonly #kernelDrops = new KernelDrops();
  readonly #dtls = loadDtlsEngine();
  readonly #datagrams = loadDatagramEngine();
  #dtlsProblem: string | undefined;
  readonly #logLimit = new RateLimiter(CLIENT_LOG_LIMIT, { maxKeys: 8 });
  #config: TurnServiceConfig;
  #certificate: Certificate | undefined;
  #certificateProblem = '';
  #timer: { atMs: number; cancel: Cancel } | undefined;
  #onEmpty: (() => void) | undefined;
  #state: 'closed' | 'open' = 'closed';

  constructor(options: {
    config: TurnServiceConfig;
    certificate: Certificate | undefined;
    clock: Clock;
    log: Logger;
    /** Who has a port that is taken; without it nobody knows. */
    portHolder?: PortHolder;
  }) {
    const { config } = options;
    this.#portHolder = options.portHolder ?? (() => Promise.resolve(undefined));
    this.#config = config;
    this.#certificate = options.certificate;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#pool = new RelayPool({
      ...config.relay,
      clock: options.clock,
      log: options.log,
      onPeer: (arrival) => {
        this.#dataConnections.accept(arrival);
      },
      datagrams: this.#datagrams.engine,
    });
    this.connections = new ConnectionLimits(config.limits);
    this.core = new TurnCore<ClientPath, ServiceRelay>({
      settings: turnSettings(config, this.#pool.families, { interfaceAddresses, interfaceMtu }),
      nonceKey: randomBytes(32),
      randomBytes,
      nowMs: () => this.#clock.nowMs(),
    });
    this.#dataConnections = new DataConnections({
      core: this.core,
      clock: options.clock,
      execute: (actions) => {
        this.#execute(actions);
      },
    });
  }

  get config(): TurnServiceConfig {
    return this.#config;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Relay sockets that are open: allocations, reservations and those being closed. */
  get relaySockets(): number {
    return this.#pool.openSockets;
  }

  get listeners(): { transport: TurnTransport; address: string; port: number; open: boolean }[] {
    return this.#listeners.map(({ transport, address, port, server }) => ({
      transport,
      address,
      port,
      open: server?.isOpen ?? false,
    }));
  }

  /** What terminates DTLS here; `none`: this installation has no engine, its DTLS listeners are off. */
  get dtls(): 'openssl-addon' | 'none' {
    return 'engine' in this.#dtls ? this.#dtls.engine.name : 'none';
  }

  /** How datagrams travel: in batches, or one by one where the addon is not built. */
  get datagrams(): 'mmsg-addon' | 'dgram' {
    return this.#datagrams.engine.name;
  }

  /** Why DTLS listeners are off; undefined when they are open or there are none. */
  get dtlsProblem(): string | undefined {
    return this.#dtlsProblem;
  }

  /**
   * Opens all listeners; those of DTLS stay off, with a log line, where there is no engine or the certificate does
   * not suit it. Rejects with an AdapterError naming the one that failed; nothing stays open.
   */
  async open(): Promise<void> {
    if (this.#datagrams.problem !== undefined) {
      this.#log.warn({}, `UDP takes several times the CPU it could: ${this.#datagrams.problem}`);
    }
    this.#cleanup.push('relay sockets', () => this.#pool.close());
    this.#cleanup.push('data connections', () => {
      this.#dataConnections.closeAll();
    });
    this.#cleanup.push('timer', () => this.#timer?.cancel());
    for (const [id, { transport, address, port }] of this.#config.listeners.entries()) {
      try {
        const server = await this.#openListener(id, { transport, address, port });
        this.#listeners.push({ transport, address, port, server });
        if (server === undefined) continue;
        this.#cleanup.push(`${transport} ${formatEndpoint(address, port)}`, () => server.close());
      } catch (error) {
        await this.#cleanup.run();
        const protocol = transport === 'udp' || transport === 'dtls' ? 'udp' : 'tcp';
        const holder = isErrno(error, 'EADDRINUSE')
          ? await this.#portHolder({ protocol, address, port })
          : undefined;
        throw listenFailure({ transport, address, port }, error, holder);
      }
    }
    this.#state = 'open';
  }

  /** The certificate that new TLS and DTLS sessions get, and why a newer one is not used. */
  get certificate(): CertificateStatus | undefined {
    if (this.#certificate === undefined) return undefined;
    return describeCertificate(this.#certificate, this.#certificateProblem);
  }

  /**
   * New sessions get it from now on, open ones go on.
   * @throws CertificateError, and nothing has changed, when DTLS cannot use it.
   */
  useCertificate(certificate: Certificate | undefined): void {
    if (certificate !== undefined && !isSameCertificate(certificate, this.#certificate)) {
      this.#swapCertificate(certificate);
    }
    this.#certificateProblem = '';
    this.#certificate = certificate;
  }

  /** A new certificate was refused: the old one goes on, and status says why. */
  keepCertificate(problem: string): void {
    this.#certificateProblem = problem;
  }

  /** Swaps what may change while allocations live; see `restartReasons` for what may not. */
  reconfigure(config: TurnServiceConfig): void {
    this.#config = config;
    this.connections.configure(config.limits);
    const settings = turnSettings(config, this.#pool.families, { interfaceAddresses, interfaceMtu });
    this.#execute(this.core.configure(settings, this.#clock.nowMs()));
  }

  /** Datagrams the kernel dropped at our UDP sockets since start. */
  kernelDrops(): Promise<number> {
    const listeners = this.#listeners.filter(({ transport }) => transport === 'udp' || transport === 'dtls');
    return this.#kernelDrops.read([...listeners, ...this.#pool.endpoints]);
  }

  /** Ends the sessions that `matches` picks. @returns how many. */
  disconnect(matches: (allocation: ServiceAllocation) => boolean): number {
    const { ended, actions } = this.core.disconnectWhere(matches);
    this.#execute(actions);
    return ended;
  }

  /** No new allocations; `onEmpty` is called once, when the last one is gone. */
  drain(onEmpty: () => void): void {
    this.core.drain();
    this.#onEmpty = onEmpty;
    this.#checkEmpty();
  }

  /** Closes listeners, connections and relay sockets. A second call does nothing. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#onEmpty = undefined;
    for (const { label, error } of await this.#cleanup.run()) {
      this.#log.warn({ err: error, label }, 'closing failed');
    }
  }

  #swapCertificate(certificate: Certificate): void {
    // DTLS first: it tries the pair, and what suits one listener suits all.
    for (const { server } of this.#listeners) {
      if (!(server instanceof DtlsListener)) continue;
      try {
        server.setCertificate(certificate);
      } catch (cause) {
        throw new CertificateError(`certificate: DTLS cannot use it: ${messageOf(cause)}`, { cause });
      }
    }
    for (const { server } of this.#listeners) {
      if (server instanceof StreamListener) server.setCertificate(certificate);
    }
  }

  /** @returns undefined for DTLS that this installation, or the certificate, does not allow. */
  async #openListener(
    id: number,
    where: { transport: TurnTransport; address: string; port: number },
  ): Promise<UdpListener | StreamListener | DtlsListener | undefined> {
    const server = this.#createListener(id, where);
    try {
      await server?.open();
      return server;
    } catch (error) {
      // TLS may serve a certificate that DTLS cannot: clients have the other transports.
      if (!(server instanceof DtlsListener && error instanceof CertificateError)) throw error;
      this.#dtlsOff(where, error.message);
      return undefined;
    }
  }

  #dtlsOff({ address, port }: { address: string; port: number }, problem: string): void {
    this.#dtlsProblem = problem;
    this.#log.error({ address, port }, `DTLS listener is off: ${problem}`);
  }

  #createListener(
    id: number,
    where: { transport: TurnTransport; address: string; port: number },
  ): UdpListener | StreamListener | DtlsListener | undefined {
    const { transport, address, port } = where;
    const common = {
      id,
      address,
      port,
      core: this.core,
      datagrams: this.#datagrams.engine,
      onMessage: (client: ClientPath, bytes: Buffer): void => {
        this.#execute(this.core.handleMessage(client, bytes, this.#clock.nowMs()));
      },
      onError: (error: Error): void => {
        this.#log.warn({ err: error, transport, address, port }, 'listener error');
      },
    };
    if (transport === 'udp') return new UdpListener(common);
    const session = {
      ...common,
      certificate: this.#certificate,
      limits: this.connections,
      clock: this.#clock,
      onClientClosed: (client: ClientPath): void => {
        this.#execute(this.core.clientClosed(client, this.#clock.nowMs()));
      },
    };
    if (transport !== 'dtls') return new StreamListener({ ...session, transport });
    if ('engine' in this.#dtls) return new DtlsListener({ ...session, engine: this.#dtls.engine });
    this.#dtlsOff(where, this.#dtls.problem);
    return undefined;
  }

  #execute(actions: readonly Action<ClientPath, ServiceRelay>[]): void {
    for (const action of actions) this.#perform(action);
    this.#armTimer();
  }

  #perform(action: Action<ClientPath, ServiceRelay>): void {
    switch (action.type) {
      case 'answer':
        action.client.sendAnswer(action.bytes);
        return;
      case 'send-peer':
        action.relay.send(action.payload, action.port, action.address);
        return;
      case 'open-relays':
        void this.#openRelays(action);
        return;
      case 'close-relay':
        void this.#pool.release(action.relay);
        return;
      case 'connect-peer':
        this.#dataConnections.connect(action.connection);
        return;
      case 'bind-connection':
        this.#dataConnections.bind(action.connection, action.client);
        return;
      case 'close-connection':
        this.#dataConnections.close(action.connection);
        return;
      case 'allocated': {
        const { allocation } = action;
        for (const relay of allocation.relays) relay.attach(allocation);
        allocation.client.allocationChanged(true);
        this.#logClient('allocated', {
          username: allocation.username,
          transport: allocation.client.transport,
          client: formatEndpoint(allocation.client.address, allocation.client.port),
          relayed: allocation.relays.map((relay) => formatEndpoint(relay.address, relay.port)),
        });
        return;
      }
      case 'ended': {
        const { allocation, reason } = action;
        allocation.client.allocationChanged(false);
        const { username, toPeerBytes, toClientBytes } = allocation;
        this.#logClient('allocation ended', { username, reason, toPeerBytes, toClientBytes });
        this.#checkEmpty();
        return;
      }
      case 'quota-reached':
        this.#logClient('quota reached', { username: action.username, bucket: action.bucket });
        return;
      default:
        assertNever(action);
    }
  }

  /** Never rejects: the pool answers undefined for what it cannot open. */
  async #openRelays(
    action: Extract<Action<ClientPath, ServiceRelay>, { type: 'open-relays' }>,
  ): Promise<void> {
    const results = await Promise.all(action.wants.map((want) => this.#pool.open(want, this.core)));
    this.#execute(this.core.relaysOpened(action.allocation, results, this.#clock.nowMs()));
    this.#checkEmpty();
  }

  #armTimer(): void {
    if (this.#state === 'closed') return;
    const nextMs = this.core.nextDeadlineMs();
    if (nextMs === undefined || (this.#timer !== undefined && this.#timer.atMs <= nextMs)) return;
    this.#timer?.cancel();
    const delayMs = Math.max(0, nextMs - this.#clock.nowMs()) + TIMER_GRAIN_MS;
    const cancel = this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      this.#execute(this.core.expire(this.#clock.nowMs()));
    });
    this.#timer = { atMs: nextMs, cancel };
  }

  #checkEmpty(): void {
    if (this.#onEmpty === undefined || this.core.sizes.allocations > 0) return;
    const onEmpty = this.#onEmpty;
    this.#onEmpty = undefined;
    onEmpty();
  }

  #logClient(message: string, fields: Record<string, unknown>): void {
    if (this.#logLimit.take(message, this.#clock.nowMs()) === 0) this.#log.info(fields, message);
  }
}
