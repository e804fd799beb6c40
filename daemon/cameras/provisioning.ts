/** The bodies with which cameras are provisioned; producers in the field read exactly these. Pure. */
import type { DeviceTunnel, DeviceTurn } from '../contract/api.ts';
import type { TurnCredentials } from '../contract/ice.ts';
import type { DeviceRecord } from './system.ts';

/** Of a tunnel token: the camera dials within seconds and asks again for every dial. */
export const TUNNEL_TOKEN_TTL_SECONDS = 300;
/** Producers use credentials until 300 s before their end, and ask for each viewer when that is now. */
export const TURN_TTL_SECONDS = 600;
const APP_LABEL = 'webrtc-video-platform';

/** Labels of a camera's tunnel; its token allows no other. */
export function tunnelLabels(device: Pick<DeviceRecord, 'id' | 'owner'>): Record<string, string> {
  return { app: APP_LABEL, device: device.id, user: device.owner };
}

/** `POST /api/devices/tunnel`. The order of the keys is the order on the wire. */
export function tunnelBody(options: {
  device: DeviceRecord;
  engine: string;
  token: string;
  expiresAtMs: number;
}): DeviceTunnel {
  const { device, engine, token, expiresAtMs } = options;
  return {
    device: device.id,
    engine,
    token,
    name: device.tunnelName,
    labels: tunnelLabels(device),
    expires: new Date(expiresAtMs).toISOString(),
  };
}

/** `POST /api/devices/turn`. */
export function turnBody(credentials: TurnCredentials): DeviceTurn {
  const { username, credential, urls, ttl } = credentials;
  return { username, credential, urls, ttl };
}
