/**
 * Asks every service once, with a time limit. Scrapes that come while one is under way share it, so that
 * scrapers cannot make the services work more than once at a time.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import type { CameraService, NamespaceService } from '../services.ts';
import { metricFamilies, type Family, type NamespaceReport } from './families.ts';

type Sources = {
  namespaces: Pick<NamespaceService, 'list' | 'probe'>;
  /** Undefined while the database does not open. */
  cameras: () => Pick<CameraService, 'list'> | undefined;
};

export class Scrapes {
  readonly #sources: Sources;
  #running: Promise<NamespaceReport[]> | undefined;

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /**
   * Prometheus text format, version 0.0.4. A service that does not answer is a `service_up` of 0.
   * @param visible picks the namespaces that the caller may see.
   */
  async text(visible: (namespace: string) => boolean): Promise<string> {
    this.#running ??= this.#ask().finally(() => {
      this.#running = undefined;
    });
    const reports = await this.#running;
    return exposition(metricFamilies(reports.filter(({ namespace }) => visible(namespace))));
  }

  #ask(): Promise<NamespaceReport[]> {
    const { namespaces } = this.#sources;
    const cameras = this.#sources.cameras();
    const reports = namespaces.list().map(async ({ name }): Promise<NamespaceReport> => {
      const own = cameras?.list(name) ?? [];
      return {
        namespace: name,
        webrtc: await namespaces.probe(name),
        cameras: own.length,
        camerasOnline: own.filter(({ online }) => online).length,
      };
    });
    return Promise.all(reports);
  }
}

/** A registry of its own for each scrape: what has gone leaves no series behind. */
function exposition(families: readonly Family[]): Promise<string> {
  const registry = new Registry();
  for (const { name, help, type, labels, samples } of families) {
    const options = { name, help, labelNames: labels, registers: [registry] };
    const metric = type === 'counter' ? new Counter(options) : new Gauge(options);
    for (const sample of samples) metric.inc(sample.labels, sample.value);
  }
  return registry.metrics();
}
