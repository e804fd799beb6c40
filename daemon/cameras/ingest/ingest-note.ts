/**
 * What the daemon writes on an ingest at the SFU so that it finds the camera session again after a
 * restart of its own. Pure.
 */
import { z } from 'zod';
import { sessionPathSchema } from '../producers/whep-protocol.ts';

const deviceId = z.string().min(1).max(64);
const tunnelId = z.string().min(1).max(256);

export const ingestNoteSchema = z.discriminatedUnion('producer', [
  z.object({
    deviceId,
    producer: z.literal('whep'),
    /** Path of the WHEP session resource, for PATCH and DELETE. */
    location: sessionPathSchema,
    etag: z.string().max(256).nullable(),
    tunnelId,
  }),
  /** Cannot be adopted: the session died with the WebSocket of the daemon that opened it. */
  z.object({ deviceId, producer: z.literal('ws'), tunnelId }),
]);
export type IngestNote = z.infer<typeof ingestNoteSchema>;

/** Longer than any note we write; the contract allows 4096. */
const MAX_NOTE_CHARS = 4096;

/** @returns undefined when the text is no note of this device. */
export function parseIngestNote(text: string, expectedDeviceId: string): IngestNote | undefined {
  if (text.length > MAX_NOTE_CHARS) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const note = ingestNoteSchema.safeParse(value);
  return note.success && note.data.deviceId === expectedDeviceId ? note.data : undefined;
}

export function formatIngestNote(note: IngestNote): string {
  return JSON.stringify(note);
}
