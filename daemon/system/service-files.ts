/** The rendered configurations of the services below the data directory, the same for every service manager. */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SfuServiceConfig } from '../contract/sfu-config.ts';
import type { TurnServiceConfig } from '../contract/turn-config.ts';
import { isErrno } from '../kit/errors.ts';
import type { ServiceRef } from '../namespaces/system.ts';
import { replaceFile } from './atomic-file.ts';

/** `turn-NAME`: what files, sockets and logs of a service are called. */
export function serviceName(service: ServiceRef): string {
  return `${service.kind}-${service.namespace}`;
}

export class ServiceFiles {
  readonly #directory: string;

  constructor(dataDir: string) {
    this.#directory = join(dataDir, 'services');
  }

  path(service: ServiceRef): string {
    return join(this.#directory, `${serviceName(service)}.json`);
  }

  /** Atomic, mode 0600. @returns whether it differs from what was there. */
  async write(service: ServiceRef, config: TurnServiceConfig | SfuServiceConfig): Promise<boolean> {
    const path = this.path(service);
    const text = JSON.stringify(config, null, 2) + '\n';
    try {
      if ((await readFile(path, 'utf8')) === text) return false;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    await replaceFile(path, text);
    return true;
  }

  async remove(service: ServiceRef): Promise<void> {
    await rm(this.path(service), { force: true });
  }
}
