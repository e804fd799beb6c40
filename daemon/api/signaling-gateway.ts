/**
 * The door of the signaling: a browser's WebSocket on one side, the namespace's SFU on the other, frames
 * verbatim in between. The gateway knows who the browser is and tells the SFU with a signed ticket; it
 * reads no frame. Whichever side closes, the other is closed with the same code and reason.
 */

import { WebSocket } from 'ws';
import type { ErrorCode } from '../contract/errors.ts';
import { AppError } from '../contract/errors.ts';
import { signRoomTicket } from '../credentials/room-ticket.ts';
import type { SignalGrant } from '../identity/signal-tickets.ts';
import type { Clock } from '../kit/clock.ts';
import { messageOf } from '../kit/errors.ts';
import { formatEndpoint } from '../kit/ip-address.ts';
import type { Logger } from '../kit/logger.ts';
import { pipeFrames } from './frame-pipe.ts';
import { keepAlive } from './keep-alive.ts';
import type { PeerSocket } from './peer-socket.ts';
import type { NamespaceService, TurnAccessControl } from './services.ts';

/** Offers of a large wall are longer than what a browser may send; the SFU is our own. */
const MAX_SFU_FRAME_BYTES = 512 * 1024;
const CONNECT_TIMEOUT_MS = 5000;
const TICKET_MS = 60_000;
const CLOSE_TIMEOUT_MS = 2000;
const MAX_SESSIONS = 2000;
const POLICY_VIOLATION = 1008;
const MAX_SESSIONS_PER_IDENTITY = 256;

/** Where the SFUs are, and who is revoked. */
type GatewayNamespaces = Pick<NamespaceService, 'signaling'> & {
  turnAccess: Pick<TurnAccessControl, 'refuseRevoked'>;
};

export type SignalingGatewayOptions = {
  namespaces: GatewayNamespaces;
  clock: Clock;
  log: Logger;
};

export class SignalingGateway {
  readonly #namespaces: GatewayNamespaces;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #sessions = new Map<PeerSocket, SignalGrant>();
  #closed = false;

  constructor(options: SignalingGatewayOptions) {
    this.#namespaces = options.namespaces;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** Throws, before a socket is opened: rate_limited for a session too many, forbidden for a revoked identity. */
  requireRoom(grant: SignalGrant): void {
    if (this.#closed)
      throw new AppError('shutting_down', 'The daemon is stopping.', { retryAfterSeconds: 5 });
    this.#namespaces.turnAccess.refuseRevoked(grant.namespace, grant.identity);
    const key = (one: SignalGrant): string => `${one.namespace} ${one.identity}`;
    let mine = 0;
    for (const other of this.#sessions.values()) if (key(other) === key(grant)) mine += 1;
    if (this.#sessions.size < MAX_SESSIONS && mine < MAX_SESSIONS_PER_IDENTITY) return;
    throw new AppError('rate_limited', 'Too many viewing sessions are open. Close one and try again.', {
      retryAfterSeconds: 30,
    });
  }

  /** Joins a browser's open socket to its namespace's SFU. `stands` is asked again while it is open. */
  open(client: PeerSocket, grant: SignalGrant, stands: () => boolean): void {
    const target = this.#namespaces.signaling(grant.namespace);
    client.on('error', () => undefined); // 'close' follows and is what matters.
    if (target === undefined) {
      refuse(client, 'webrtc_not_enabled', `WebRTC is not enabled for ${grant.namespace}.`, 1008);
      return;
    }
    this.#sessions.set(client, grant);
    client.once('close', () => this.#sessions.delete(client));
    client.pause(); // Nothing is buffered for an SFU that may not answer: the browser waits in TCP.
    const ticket = signRoomTicket(
      { ...grant, expiresAtMs: this.#clock.nowMs() + TICKET_MS },
      target.ticketKey,
    );
    const sfu = new WebSocket(`ws://${formatEndpoint(target.address, target.port)}/session`, {
      headers: { authorization: `Bearer ${ticket}` },
      handshakeTimeout: CONNECT_TIMEOUT_MS,
      maxPayload: MAX_SFU_FRAME_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
    });
    this.#join(client, sfu, grant);
    keepAlive(client, this.#clock, stands);
    keepAlive(sfu, this.#clock);
  }

  /** Closes the sessions of an identity, in one namespace or in all. */
  end(identity: string, namespace?: string): void {
    for (const [client, grant] of this.#sessions) {
      const elsewhere = namespace !== undefined && grant.namespace !== namespace;
      if (grant.identity === identity && !elsewhere) this.#close(client, POLICY_VIOLATION, 'kicked');
    }
  }

  /** Tells every browser to come back soon: a restarted daemon takes the session up again. */
  close(): void {
    this.#closed = true;
    for (const client of this.#sessions.keys()) this.#close(client, 1012, 'the daemon restarts');
  }

  #join(client: PeerSocket, sfu: PeerSocket, grant: SignalGrant): void {
    const state = { joined: false };
    const stalled = (): void => {
      this.#close(client, 1013, 'reads too slowly');
    };
    sfu.on('error', (error) => {
      if (state.joined) return;
      this.#log.warn({ namespace: grant.namespace, reason: messageOf(error) }, 'SFU not reachable');
    });
    sfu.once('open', () => {
      if (client.readyState !== client.OPEN) {
        sfu.close(1001);
        return;
      }
      state.joined = true;
      pipeFrames(client, sfu, { clock: this.#clock, onStalled: stalled });
      pipeFrames(sfu, client, { clock: this.#clock, onStalled: stalled });
      client.resume();
    });
    sfu.once('close', (code, reason) => {
      if (state.joined) {
        // 1006 is a connection that broke: the SFU died, and is soon back.
        const lost = code === 1006;
        this.#close(client, lost ? 1013 : code, lost ? 'the SFU is gone' : reason.toString());
      } else if (client.readyState === client.OPEN) {
        refuse(client, 'unavailable', `The SFU of ${grant.namespace} does not answer.`, 1013);
      }
    });
    client.once('close', (code, reason) => {
      if (sfu.readyState === sfu.CONNECTING) sfu.terminate();
      else this.#close(sfu, code === 1006 ? 1001 : code, reason.toString());
    });
  }

  #close(socket: PeerSocket, code: number, reason: string): void {
    if (socket.readyState === socket.CLOSED) return;
    if (socket.readyState === socket.OPEN) {
      socket.resume(); // A paused socket would never read the other side's close frame.
      if (isSendable(code)) socket.close(code, reason);
      else socket.close();
    }
    const cancel = this.#clock.after(CLOSE_TIMEOUT_MS, () => {
      socket.terminate();
    });
    socket.once('close', cancel);
  }
}

/** One error frame in the envelope form, then the close. */
function refuse(client: PeerSocket, code: ErrorCode, message: string, closeCode: number): void {
  client.send(JSON.stringify({ type: 'error', data: { code, message } }));
  client.resume();
  client.close(closeCode, code);
  setTimeout(() => {
    client.terminate();
  }, CLOSE_TIMEOUT_MS).unref();
}

/** RFC 6455 section 7.4: 1005, 1006 and 1015 only describe, they may not be sent. */
function isSendable(code: number): boolean {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006;
}
