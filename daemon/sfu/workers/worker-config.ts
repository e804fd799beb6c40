/** What one worker is started with: the service's own file, with a media port and sockets of its own. Pure. */
import type { SfuServiceConfig } from '../../contract/sfu-config.ts';

/** Worker `index` has the media port of that number in the namespace's block. */
export function workerConfig(config: SfuServiceConfig, index: number): SfuServiceConfig {
  const base = config.controlSocket.replace(/\.sock$/, '');
  const port = config.media.minPort + index;
  return {
    ...config,
    media: { minPort: port, maxPort: port },
    workers: 1,
    worker: { index, signalingSocket: `${base}.w${String(index)}s.sock` },
    controlSocket: `${base}.w${String(index)}.sock`,
  };
}
