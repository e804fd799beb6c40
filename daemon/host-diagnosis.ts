/** Examines this host: brings the facts of all parts together for the inspection, and sends the doctor. */
import { join } from 'node:path';
import { listenAddress } from './config/addresses.ts';
import type { LoadedConfig } from './config/load.ts';
import type { DoctorReport, DoctorRequest, Inspection } from './contract/diagnosis.ts';
import { AppError } from './contract/errors.ts';
import { attack, examine } from './health/doctor.ts';
import { certificateFacts, trustOf } from './host-certificate-facts.ts';
import { checkClock } from './health/inspect/check-clock.ts';
import { checkResources } from './health/inspect/check-resources.ts';
import { collectFacts } from './health/inspect/collect.ts';
import type { ClockFacts, UnitFacts } from './health/inspect/facts.ts';
import { inspectionOf } from './health/inspect/inspect.ts';
import { relayProof } from './health/relay-proof.ts';
import type { ConnectDtls } from './health/relay-probe-dtls.ts';
import type { Clock } from './kit/clock.ts';
import { isLoopback, parseIp } from './kit/ip-address.ts';
import type { NodeDiagnosis } from './namespaces/node-diagnosis.ts';
import type { SqliteDatabase } from './store/sqlite/database.ts';
import { DatabaseLook } from './store/sqlite/database-look.ts';
import type { AcmeCertificates } from './system/acme/acme-certificates.ts';
import {
  clockMovedMs,
  clockSynchronised,
  hostResources,
  interfaceAddresses,
} from './system/host-resources.ts';
import { portHolders } from './system/port-holder.ts';
import { loadDtlsEngine } from './turn/server/dtls/openssl-engine.ts';
import { ProcessSystemctl } from './system/systemd/systemctl.ts';
import { unitFacts } from './system/systemd/unit-facts.ts';

export type HostDiagnosisOptions = {
  config: LoadedConfig;
  database: SqliteDatabase;
  /** Why the real database is not open. */
  problems: string[];
  namespaces: { readonly diagnosis: NodeDiagnosis };
  /** Undefined while no authority issues certificates. */
  acme: AcmeCertificates | undefined;
  clock: Clock;
};

export class HostDiagnosis {
  readonly #options: HostDiagnosisOptions;
  readonly #look: DatabaseLook;
  #running: Promise<Inspection> | undefined;
  #doctorRuns = false;

  /** To be made right after the database was opened. */
  constructor(options: HostDiagnosisOptions) {
    this.#options = options;
    this.#look = new DatabaseLook(options.database, this.#databasePath);
  }

  /** Whoever asks while one runs gets that one. Takes some seconds at most. */
  inspect(): Promise<Inspection> {
    this.#running ??= this.#inspect().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Throws webrtc_not_enabled, or operation_in_progress while another one runs. */
  async doctor(request: DoctorRequest): Promise<DoctorReport> {
    if (this.#doctorRuns) {
      throw new AppError(
        'operation_in_progress',
        'The doctor is at work already: try again in a few seconds.',
      );
    }
    this.#doctorRuns = true;
    try {
      return await this.#doctor(request);
    } finally {
      this.#doctorRuns = false;
    }
  }

  async #doctor({ namespace, probes, attack: attacks }: DoctorRequest): Promise<DoctorReport> {
    const { clock, config, namespaces } = this.#options;
    const { diagnosis } = namespaces;
    const names = namespace === undefined ? diagnosis.served() : [namespace];
    const patients = await Promise.all(
      names.map(async (name) => {
        const inputs = diagnosis.inputs(name);
        if (inputs === undefined) {
          throw new AppError('webrtc_not_enabled', `WebRTC is not enabled for the namespace "${name}".`);
        }
        const dtls = diagnosis.servesDtls(name) ? connectDtls() : undefined;
        return { inputs, trustPem: await trustOf(config, name), dtls };
      }),
    );
    const nowMs = clock.nowMs();
    const ownPorts = [config.api.listen, config.tunnels.embedded.listen].map(
      (one) => listenAddress(one).port,
    );
    const report: DoctorReport = {
      at: new Date(nowMs).toISOString(),
      ok: true,
      transports: [],
      attacks: [],
      host: [],
    };
    if (attacks) {
      report.attacks = await Promise.all(patients.map((one) => attack(one, { nowMs, ownPorts })));
    } else {
      const host = { firewall: config.firewall.manager, isHere };
      const rows = patients.map((one) => examine(one, { probes, nowMs, host }));
      report.transports = (await Promise.all(rows)).flat();
      const [node, resources, clockFacts] = await Promise.all([
        diagnosis.facts(),
        hostResources(config.dataDir),
        this.#clock(),
      ]);
      report.host = [...checkClock({ clock: clockFacts, node }), ...checkResources({ resources })];
    }
    report.ok =
      [...report.transports, ...report.attacks].every(({ ok }) => ok) &&
      !report.host.some(({ severity }) => severity === 'failure');
    return report;
  }

  async #clock(): Promise<ClockFacts> {
    return {
      nowMs: this.#options.clock.nowMs(),
      movedMs: clockMovedMs(),
      synchronised: await clockSynchronised(),
    };
  }

  get #databasePath(): string {
    return join(this.#options.config.dataDir, 'turnkeep.db');
  }

  async #inspect(): Promise<Inspection> {
    const { config, problems, clock, namespaces } = this.#options;
    const { diagnosis } = namespaces;
    const startedMs = clock.nowMs();
    const facts = await collectFacts({
      node: () => diagnosis.facts(),
      inputs: (namespace) => diagnosis.inputs(namespace),
      holders: portHolders,
      database: () => ({
        path: this.#databasePath,
        problems,
        file: this.#look.file(),
        corruption: problems.length > 0 ? [] : this.#look.corruption(),
      }),
      certificates: (names) => certificateFacts(this.#options, names),
      trust: (namespace) => trustOf(config, namespace),
      units: (names) => this.#units(names),
      addresses: () => ({
        bind: config.turn.bindAddresses,
        shield: config.shield.address,
        announced: config.public.addresses,
        host: interfaceAddresses(),
      }),
      clock: () => this.#clock(),
      resources: () => hostResources(config.dataDir),
      proof: relayProof,
    });
    return inspectionOf(facts, { startedMs, endedMs: clock.nowMs() });
  }

  async #units(namespaces: readonly string[]): Promise<UnitFacts[]> {
    if (this.#options.config.services.manager !== 'systemd') return [];
    return unitFacts(new ProcessSystemctl(), namespaces);
  }
}

/** Undefined where the addon was not built: then the services of this host serve no DTLS either. */
function connectDtls(): ConnectDtls | undefined {
  const loaded = loadDtlsEngine();
  return 'problem' in loaded ? undefined : (send) => loaded.engine.connect(send);
}

function isHere(address: string): boolean {
  const ip = parseIp(address);
  return (ip !== undefined && isLoopback(ip)) || interfaceAddresses().includes(address);
}
