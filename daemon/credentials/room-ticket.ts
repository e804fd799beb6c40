/**
 * The ticket with which the daemon's gateway opens a signaling session at an SFU: base64url(JSON claims)
 * `.` base64url(HMAC-SHA256). The key is the namespace's own, so a ticket of one namespace is noise in
 * another. Pure.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { roomTicketSchema, type RoomTicket } from '../contract/signaling.ts';

const MAX_TICKET_CHARS = 8192;

export function signRoomTicket(ticket: RoomTicket, key: string): string {
  const body = Buffer.from(JSON.stringify(ticket), 'utf8').toString('base64url');
  return `${body}.${mac(body, key).toString('base64url')}`;
}

/** @returns the claims, or undefined when the text is no valid, current ticket of this namespace. */
export function verifyRoomTicket(
  text: string,
  options: { key: string; namespace: string; nowMs: number },
): RoomTicket | undefined {
  if (text.length > MAX_TICKET_CHARS) return undefined;
  const [body, signature, ...rest] = text.split('.');
  if (body === undefined || signature === undefined || rest.length > 0) return undefined;
  const given = Buffer.from(signature, 'base64url');
  const wanted = mac(body, options.key);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  const ticket = roomTicketSchema.safeParse(claims);
  if (!ticket.success) return undefined;
  if (ticket.data.namespace !== options.namespace) return undefined;
  if (ticket.data.expiresAtMs <= options.nowMs) return undefined;
  return ticket.data;
}

function mac(body: string, key: string): Buffer {
  return createHmac('sha256', Buffer.from(key, 'base64url')).update(`turnkeep-room-ticket.${body}`).digest();
}
