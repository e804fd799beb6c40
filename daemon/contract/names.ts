/** Identifiers that cross a boundary, with their grammar. */
import { z } from 'zod';

/** A namespace name: a DNS label of at most 32 characters, also part of unit names and host names. */
export const namespaceNameSchema = z
  .string()
  .regex(
    /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/,
    'a namespace name has 1 to 32 characters: a-z first, then a-z, 0-9 or "-", not "-" last',
  );

/** A room of a namespace. A camera's room is `camera:<device id>`. */
export const roomIdSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9:_.-]{0,127}$/, 'a room id has 1 to 128 of A-Z a-z 0-9 : _ . -');

export const portSchema = z.number().int().min(1).max(65535);
export const portRangeSchema = z
  .object({ minPort: portSchema, maxPort: portSchema })
  .refine((range) => range.minPort <= range.maxPort, 'minPort is greater than maxPort');
export type PortRange = z.infer<typeof portRangeSchema>;

export const ipSchema = z.union([z.ipv4(), z.ipv6()]);

const CAMERA_ROOM = 'camera:';

export function cameraRoomId(deviceId: string): string {
  return CAMERA_ROOM + deviceId;
}

/** The device id of a camera's room. @returns undefined for other rooms. */
export function deviceIdOfRoom(roomId: string): string | undefined {
  return roomId.startsWith(CAMERA_ROOM) ? roomId.slice(CAMERA_ROOM.length) : undefined;
}

/** Whom a namespace's TURN service relays to: its SFU alone, or public addresses too. */
export const relayScopeSchema = z.enum(['sfu', 'public']);
export type RelayScope = z.infer<typeof relayScopeSchema>;
