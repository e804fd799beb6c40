/** A camera as the API shows it: the record, what the tunnel engine knows now, and its media. Pure. */
import type { Device, DeviceMedia } from '../contract/api.ts';
import type { DeviceRecord } from './system.ts';

export function deviceView(
  record: DeviceRecord,
  now: { state: Device['state']; media: DeviceMedia },
): Device {
  const online = now.state === 'online';
  return {
    id: record.id,
    namespace: record.namespace,
    name: record.name,
    owner: record.owner,
    secretPrefix: record.secretPrefix,
    tunnelName: record.tunnelName,
    online,
    state: now.state,
    onlineSince: online ? isoTime(record.onlineSinceMs) : null,
    lastSeenAt: isoTime(record.lastSeenAtMs),
    createdAt: new Date(record.createdAtMs).toISOString(),
    capture: record.capture,
    media: now.media,
  };
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
