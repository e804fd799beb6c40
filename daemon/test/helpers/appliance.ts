/**
 * The whole product for a test: the real daemon with its services as child processes, on a loopback address and
 * in a data directory of its own, driven through the unix socket like the command line does.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiClient } from '../../../cli/api-client.ts';
import { SupervisedProcess } from '../../../scripts/supervised-process.ts';
import type { Device, DeviceCreated, Operation, WebrtcStatus } from '../../contract/api.ts';
import { tempDir } from './temp-dir.ts';

type Teardown = { teardown: (fn: () => void | Promise<void>) => void };

export class Appliance {
  readonly url: string;
  readonly dir: string;
  readonly daemon: SupervisedProcess;
  /** Rejects when the daemon refuses or cannot be reached. */
  readonly api: ApiClient;
  #cameras = 0;
  readonly #t: Teardown;

  private constructor(t: Teardown, address: string, config: object) {
    this.#t = t;
    this.dir = tempDir(t);
    this.url = `http://${address}:8080`;
    this.api = new ApiClient({ socketPath: join(this.dir, 'run/turnkeepd.sock') });
    const configFile = join(this.dir, 'turnkeep.yaml');
    const defaults = {
      dataDir: this.dir,
      api: { listen: `${address}:8080` },
      public: { addresses: [address] },
      turn: { bindAddresses: [address] },
      shield: { address },
      tunnels: { embedded: { listen: `${address}:8443` } },
      logging: { level: 'info' },
    };
    // JSON is YAML.
    writeFileSync(configFile, JSON.stringify({ ...defaults, ...config }));
    this.daemon = new SupervisedProcess({
      args: ['daemon/turnkeepd.ts', '--config', configFile],
      env: {},
      logFile: join(this.dir, 'daemon.log'),
      restartMs: 500,
    });
  }

  /** Starts it and waits until it is ready. Everything is stopped at the end of the test. */
  static async start(t: Teardown, address: string, config: object = {}): Promise<Appliance> {
    const appliance = new Appliance(t, address, config);
    t.teardown(() => appliance.daemon.stop());
    appliance.daemon.start();
    await appliance.until(
      'the daemon is ready',
      async () => (await appliance.api.get<{ ready: boolean }>('/readyz')).ready,
    );
    return appliance;
  }

  async enableNamespace(name: string): Promise<Operation> {
    await this.api.post('/v1/namespaces', { name });
    const { operationId } = await this.api.post<{ operationId: string }>(
      `/v1/namespaces/${name}/webrtc/enable`,
      {},
    );
    return await this.operation(operationId);
  }

  /** Waits for the end of an operation. */
  async operation(id: string): Promise<Operation> {
    let operation: Operation | undefined;
    await this.until(`operation ${id} ends`, async () => {
      operation = await this.api.get<Operation>(`/v1/operations/${id}`);
      return operation.state !== 'running';
    });
    return operation!;
  }

  status(name: string): Promise<WebrtcStatus> {
    return this.api.get(`/v1/namespaces/${name}/webrtc/status`);
  }

  async device(id: string): Promise<Device> {
    const { devices } = await this.api.get<{ devices: Device[] }>('/api/devices');
    const device = devices.find((one) => one.id === id);
    if (device === undefined) throw new Error(`no device ${id}`);
    return device;
  }

  /** Adds a camera and starts a demo camera for it. */
  async addCamera(
    name: string,
    options: { namespace: string; env?: Record<string, string>; capture?: object },
  ): Promise<{ device: Device; process: SupervisedProcess }> {
    const { namespace, capture } = options;
    const created = await this.api.post<DeviceCreated>('/api/devices', {
      name,
      namespace,
      ...(capture === undefined ? {} : { capture }),
    });
    const caFile = join(this.dir, 'camera-ca.pem');
    writeFileSync(caFile, created.caPem ?? '');
    this.#cameras += 1;
    const camera = new SupervisedProcess({
      args: ['scripts/demo-camera/camera.ts'],
      env: { API_URL: this.url, DEVICE_SECRET: created.secret, SSL_CERT_FILE: caFile, ...options.env },
      logFile: join(this.dir, `camera-${this.#cameras}.log`),
      restartMs: 500,
    });
    this.#t.teardown(() => camera.stop());
    camera.start();
    await this.until(`camera ${name} is online`, async () => (await this.device(created.device.id)).online);
    return { device: created.device, process: camera };
  }

  /** A single-use sign-in link for the console. */
  async signInUrl(user = 'admin'): Promise<string> {
    const { code } = await this.api.post<{ code: string }>(`/v1/users/${user}/sign-in-code`, {});
    return `${this.url}/sign-in#code=${code}`;
  }

  /** Polls a condition; a call that fails counts as "not yet". The message names what never happened. */
  async until(what: string, condition: () => Promise<boolean>, limitMs = 60_000): Promise<number> {
    const startedMs = performance.now();
    let last = '';
    while (performance.now() - startedMs < limitMs) {
      try {
        if (await condition()) return performance.now() - startedMs;
        last = '';
      } catch (error) {
        last = String(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${what}: not within ${limitMs} ms. ${last}\n${this.logTail()}`);
  }

  logTail(): string {
    return readFileSync(join(this.dir, 'daemon.log'), 'utf8').split('\n').slice(-30).join('\n');
  }
}

/** A folder for pictures that a person may want to look at; not part of the repository. */
export function artifactPath(name: string): string {
  mkdirSync('artifacts', { recursive: true });
  return join('artifacts', name);
}
