/**
 * Signaling frames as text: `{type, ...}` (flat) and `{type, data}` (envelope), checked against the
 * contract before anyone acts on them. Pure.
 */
import type { z } from 'zod';
import type { ErrorCode } from '../../contract/errors.ts';
import {
  clientFrames,
  SIGNALING_MAX_FRAME_BYTES,
  type ClientFrame,
  type ClientFrameType,
  type ServerFrame,
} from '../../contract/signaling.ts';

/** How a client wraps its frames; it is answered in the form of its first one. */
export type FrameForm = 'flat' | 'envelope';

export type ParsedFrame =
  | { ok: true; frame: ClientFrame; form: FrameForm }
  | { ok: false; code: ErrorCode; message: string; requestId: string | undefined };

const MAX_REQUEST_ID_CHARS = 64;

export function parseFrame(text: string): ParsedFrame {
  if (Buffer.byteLength(text) > SIGNALING_MAX_FRAME_BYTES) {
    return refusal('frame_too_large', `A frame may have ${String(SIGNALING_MAX_FRAME_BYTES)} bytes.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refusal('invalid_json', 'The frame is not JSON.');
  }
  if (!isRecord(value) || typeof value['type'] !== 'string') {
    return refusal('invalid_request', 'A frame is an object with a "type".');
  }
  const { type, ...rest } = value;
  const envelope = isRecord(rest['data']);
  const data = envelope ? rest['data'] : rest;
  const given = isRecord(data) ? data['requestId'] : undefined;
  const requestId = typeof given === 'string' && given.length <= MAX_REQUEST_ID_CHARS ? given : undefined;
  if (!isClientFrameType(type)) {
    return refusal('invalid_request', 'There is no such frame type.', requestId);
  }
  const schema: z.ZodType = clientFrames[type];
  const parsed = schema.safeParse(data);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const where = issue === undefined || issue.path.length === 0 ? type : `${type}.${issue.path.join('.')}`;
    return refusal('invalid_request', `${where}: ${issue?.message ?? 'not valid'}`.slice(0, 300), requestId);
  }
  // The schema was picked by the type: the pair is one member of the union.
  const frame = { type, ...(parsed.data as object) } as ClientFrame;
  return { ok: true, frame, form: envelope ? 'envelope' : 'flat' };
}

/** The text of a frame. What goes to a whole room is one object for all of it, and is written once. */
export function encodeFrame(frame: ServerFrame, form: FrameForm): string {
  if (lastText?.frame === frame && lastText.form === form) return lastText.text;
  const { type, ...data } = frame;
  const text = JSON.stringify(form === 'flat' ? frame : { type, data });
  lastText = { frame, form, text };
  return text;
}

/** Frames are never changed once they are sent. */
let lastText: { frame: ServerFrame; form: FrameForm; text: string } | undefined;

function refusal(code: ErrorCode, message: string, requestId?: string): ParsedFrame {
  return { ok: false, code, message, requestId };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isClientFrameType(type: unknown): type is ClientFrameType {
  return typeof type === 'string' && Object.hasOwn(clientFrames, type);
}
