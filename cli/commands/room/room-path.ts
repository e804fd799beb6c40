/** `/v1/webrtc/rooms`, of one room with its id. */
export function roomPath(namespace: string, roomId?: string, what?: string): string {
  const room = roomId === undefined ? '' : `/${encodeURIComponent(roomId)}`;
  const rest = what === undefined ? '' : `/${what}`;
  return `/v1/webrtc/rooms${room}${rest}?namespace=${encodeURIComponent(namespace)}`;
}
