/** Binding requests as a test writes them, apart from the code under test. */
import { createHmac, randomBytes } from 'node:crypto';

/** `password` undefined leaves MESSAGE-INTEGRITY out. */
export function bindingRequest(
  username: string | undefined,
  password: string | undefined,
  options: { useCandidate?: boolean; role?: 'controlling' | 'controlled' } = {},
): Buffer {
  const attributes: Buffer[] = [];
  if (username !== undefined) attributes.push(attribute(0x0006, Buffer.from(username)));
  if (options.useCandidate === true) attributes.push(attribute(0x0025, Buffer.alloc(0)));
  if (options.role !== undefined) {
    attributes.push(attribute(options.role === 'controlling' ? 0x802a : 0x8029, Buffer.alloc(8, 1)));
  }
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x0001, 0);
  header.writeUInt32BE(0x2112a442, 4);
  randomBytes(12).copy(header, 8);
  const body = Buffer.concat(attributes);
  header.writeUInt16BE(body.length + (password === undefined ? 0 : 24), 2);
  const message = Buffer.concat([header, body]);
  if (password === undefined) return message;
  return Buffer.concat([message, attribute(0x0008, createHmac('sha1', password).update(message).digest())]);
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}
