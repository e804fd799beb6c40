/** What the processes of the SFU benchmark tell each other over IPC, and the stream they forward. */
import type { SrtpKeys } from '../../daemon/sfu/media/core/types.ts';

/** Viewers of this child: its argument. */
export const VIEWERS = Number(process.argv[2] ?? 100);
export const VIEWER_PORT = 41_000;
/** Asked for on the camera's leg of both servers alike; the kernel may grant less. */
export const SERVER_RECEIVE_BYTES = 1 << 20;

/** Where werift asks for its own address; the load process answers. */
export const STUN_ADDRESS = '127.0.12.201';
export const STUN_PORT = 41_001;
export const PROFILE = 'AEAD_AES_128_GCM';
export const PUBLISHER_SSRC = 7;
export const PAYLOAD_TYPE = 102;
export const PAYLOAD_BYTES = 1116;

/** Viewer `at` listens here. */
export const viewerAddress = (at: number): string => `127.0.12.${at + 1}`;

/** Fixed keys: the benchmark measures the packet path, not the handshake. 0 is the publisher. */
export function benchKeys(peer: number): { server: SrtpKeys; client: SrtpKeys } {
  const side = (value: number): { key: Buffer; salt: Buffer } => ({
    key: Buffer.alloc(16, value),
    salt: Buffer.alloc(12, value),
  });
  const a = side(peer * 2 + 1);
  const b = side(peer * 2 + 2);
  return {
    server: { profile: PROFILE, local: a, remote: b },
    client: { profile: PROFILE, local: b, remote: a },
  };
}

/** From the parent to a child. */
export type Command =
  | { type: 'mark' }
  | { type: 'publish'; port: number; isProtected: boolean }
  | { type: 'stop' }
  | { type: 'offer'; viewer: number; sdp: string }
  | { type: 'answer'; viewer: number; sdp: string };

/** From a child to the parent. */
export type Message =
  /** `pid`: whose CPU time and memory count, when it is not the child itself. */
  | { type: 'ready'; port: number; pid?: number | undefined }
  /** `delaysMs`: from sender to viewer, of the packets that were opened since the mark before. */
  | { type: 'mark'; packets: number; published: number; broken: number; delaysMs?: number[] }
  | { type: 'offer'; viewer: number; sdp: string }
  | { type: 'answer'; viewer: number; sdp: string }
  | { type: 'connected' };

export function tell(message: Message): void {
  process.send?.(message);
}
