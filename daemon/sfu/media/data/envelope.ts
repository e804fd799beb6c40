/**
 * What stands before the payload of each relayed message, in both directions:
 *
 *   kind (1 byte: 0 text, 1 bytes), then room, sender and topic, each as 1 byte length and UTF-8, then the payload.
 *
 * A client leaves the sender empty: whatever it writes there, the receivers read what the SFU knows. Pure.
 */

export type DataMessage = {
  kind: 'text' | 'bytes';
  /** Empty from a client that is in one room only. */
  roomId: string;
  /** The sender's participant id; empty from a client. */
  participantId: string;
  topic: string;
  payload: Buffer;
};

const TEXT = 0;
const BYTES = 1;
const MAX_NAME_BYTES = 255;

/** @returns undefined for what is no envelope. The payload is a view of `message`. */
export function readEnvelope(message: Buffer): DataMessage | undefined {
  const kind = message[0];
  if (kind !== TEXT && kind !== BYTES) return undefined;
  let at = 1;
  const names: string[] = [];
  for (let index = 0; index < 3; index += 1) {
    const length = message[at];
    if (length === undefined || at + 1 + length > message.length) return undefined;
    names.push(message.toString('utf8', at + 1, at + 1 + length));
    at += 1 + length;
  }
  const [roomId = '', participantId = '', topic = ''] = names;
  return {
    kind: kind === TEXT ? 'text' : 'bytes',
    roomId,
    participantId,
    topic,
    payload: message.subarray(at),
  };
}

/** @throws RangeError when a name has more than 255 bytes. */
export function writeEnvelope({ kind, roomId, participantId, topic, payload }: DataMessage): Buffer {
  const parts: Buffer[] = [Buffer.from([kind === 'text' ? TEXT : BYTES])];
  for (const name of [roomId, participantId, topic]) {
    const bytes = Buffer.from(name);
    if (bytes.length > MAX_NAME_BYTES) throw new RangeError('a name has more than 255 bytes');
    parts.push(Buffer.from([bytes.length]), bytes);
  }
  return Buffer.concat([...parts, payload]);
}
