/** Hands out port blocks: the ledger proposes, the operating system is asked, the database decides. */
import type { PortBlocks } from '../contract/api.ts';
import { AppError } from '../contract/errors.ts';
import type { PortRange, RelayScope } from '../contract/names.ts';
import { relayAddresses } from './render-service-config.ts';
import { claimPorts, type ClaimRequest, type PortPlan, type PortRole } from './port-ledger.ts';
import type { NamespaceStore, PortClaim, HeldPort, PortProbe, PortUse } from './system.ts';

/**
 * Strangers a block may hold, in per cent: outgoing sockets of other programs come and go in the range of
 * relay ports, and the services pass over single ports. Above it the block is not worth having.
 */
const MAX_BUSY_PERCENT = 5;
const MAX_NAMED_HOLDERS = 3;
/** Two daemons on one database may race; each round one of them wins. */
const MAX_RACES = 10;

/** `relay`: where the relay block has to be free. */
type ReserveRequest = ClaimRequest & { relay?: RelayScope | undefined };

export type Reservation = { claim: PortClaim; skipped: string[] };

export class PortReservations {
  readonly #options: {
    store: NamespaceStore;
    probe: PortProbe;
    plan: PortPlan;
    shieldAddress: string;
    publicAddresses: readonly string[];
    turnBindAddresses: readonly string[];
  };
  #queue: Promise<unknown> = Promise.resolve();

  constructor(options: {
    store: NamespaceStore;
    probe: PortProbe;
    plan: PortPlan;
    shieldAddress: string;
    publicAddresses: readonly string[];
    turnBindAddresses: readonly string[];
  }) {
    this.#options = options;
  }

  /** Throws like `reserve` would, as far as it can be known without asking the operating system. */
  check(request: ClaimRequest): void {
    claimPorts(this.#options.store.portClaims(), this.#options.plan, request);
  }

  /**
   * One at a time. Rejects with AppError ports_exhausted, port_taken, or invalid_request when a public relay
   * has no address to relay from.
   */
  reserve(request: ReserveRequest): Promise<Reservation> {
    return this.#inTurn(() => this.#reserve(request));
  }

  /** What `reserve` would answer now; nothing is reserved. In turn with it: both bind the ports they ask for. */
  preview(request: ReserveRequest): Promise<Reservation> {
    return this.#inTurn(() => this.#find(request));
  }

  #inTurn(act: () => Promise<Reservation>): Promise<Reservation> {
    const next = this.#queue.then(act);
    this.#queue = next.catch(() => undefined);
    return next;
  }

  async #reserve(request: ReserveRequest): Promise<Reservation> {
    const { store } = this.#options;
    for (let races = 0; ;) {
      const found = await this.#find(request);
      if (found.isOwn) return found;
      try {
        store.insertPortClaim(found.claim);
        return found;
      } catch (error) {
        races += 1;
        const lost = error instanceof AppError && error.code === 'port_taken';
        if (!lost || races > MAX_RACES) throw error;
      }
    }
  }

  /** `isOwn`: the claim is there already. */
  async #find(request: ReserveRequest): Promise<Reservation & { isOwn: boolean }> {
    const { store, probe, plan } = this.#options;
    const relays = relayAddresses({ ...this.#options, relayScope: request.relay });
    if (request.relay === 'public') await this.#requireOwn(relays);
    const busy = new Map<PortRole, Set<number>>();
    const skipped: string[] = [];
    for (;;) {
      const claims = store.portClaims();
      const claim = claimOrTell(claims, plan, request, { busy, skipped });
      if (claims.includes(claim)) return { claim, skipped, isOwn: true };
      const taken = await probe.busy(this.#uses(claim.blocks, relays));
      const unusable = unusableRoles(claim.blocks, taken);
      for (const { role, startPort, sentence } of unusable) {
        if (startPort === request.turnPort || startPort === request.turnsPort) {
          throw new AppError('port_taken', `${sentence} Stop it, or choose another port.`, {
            details: { role, port: startPort },
          });
        }
        busy.set(role, (busy.get(role) ?? new Set<number>()).add(startPort));
        skipped.push(sentence);
      }
      if (unusable.length === 0) return { claim, skipped, isOwn: false };
    }
  }

  /** Relayed addresses are those the sockets are bound to: behind a NAT no peer would find its way back. */
  async #requireOwn(addresses: readonly string[]): Promise<void> {
    const uses = addresses.map((address) => ({ protocol: 'udp' as const, address, port: 0 }));
    const foreign = (await this.#options.probe.busy(uses)).map(({ address }) => address);
    if (foreign.length === 0) return;
    throw new AppError(
      'invalid_request',
      `A public relay needs public addresses that this host itself has, but it has no ${foreign.join(', ')} (is it behind a NAT?). Correct public.addresses, or enable without a public relay.`,
    );
  }

  /** Every socket the services of a namespace will open. */
  #uses(blocks: PortBlocks, relays: readonly string[]): PortUse[] {
    const { shieldAddress, turnBindAddresses } = this.#options;
    const block = (address: string, range: PortRange): PortUse[] =>
      Array.from({ length: range.maxPort - range.minPort + 1 }, (_, at) => ({
        protocol: 'udp',
        address,
        port: range.minPort + at,
      }));
    const listeners = [blocks.turn, blocks.turns].flatMap((port) =>
      turnBindAddresses.flatMap((address) =>
        (['udp', 'tcp'] as const).map((protocol) => ({ protocol, address, port })),
      ),
    );
    return [
      { protocol: 'tcp', address: shieldAddress, port: blocks.sfuSignaling },
      ...listeners,
      ...block(shieldAddress, blocks.sfuMedia),
      ...relays.flatMap((address) => block(address, blocks.turnRelay)),
    ];
  }
}

/** The ports that clients dial. The plain one stays the namespace's own where nothing listens on it. */
export function portsNote({ turn, turns }: PortBlocks, node: { encryptedOnly: boolean }): string {
  return node.encryptedOnly
    ? `TURNS port ${String(turns)}, no plain TURN port.`
    : `TURN port ${String(turn)}, TURNS port ${String(turns)}.`;
}

/** Like `claimPorts`; whoever finds no place hears which places strangers hold. */
function claimOrTell(
  claims: readonly PortClaim[],
  plan: PortPlan,
  request: ClaimRequest,
  { busy, skipped }: { busy: ReadonlyMap<PortRole, ReadonlySet<number>>; skipped: readonly string[] },
): PortClaim {
  try {
    return claimPorts(claims, plan, request, busy);
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'ports_exhausted' || skipped.length === 0) throw error;
    throw new AppError(error.code, [error.message, ...skipped].join(' '), {
      cause: error,
      details: error.details,
    });
  }
}

/** Which blocks cannot be used given the ports that others hold, and why. Pure. */
export function unusableRoles(
  blocks: PortBlocks,
  taken: readonly HeldPort[],
): { role: PortRole; startPort: number; sentence: string }[] {
  const found: { role: PortRole; startPort: number; sentence: string }[] = [];
  const single = (role: PortRole, title: string, port: number): void => {
    const use = taken.find((one) => one.port === port);
    if (use === undefined) return;
    const who = use.holder === undefined ? 'another program' : `another program (${use.holder})`;
    const sentence = `The ${title} ${String(port)} (${use.protocol}) cannot be bound on ${use.address}: ${who} holds it.`;
    found.push({ role, startPort: port, sentence });
  };
  const block = (role: PortRole, title: string, range: PortRange, firstMustBeFree: boolean): void => {
    const held = taken.filter((one) => one.port >= range.minPort && one.port <= range.maxPort);
    const size = range.maxPort - range.minPort + 1;
    const firstHeld = held.some((one) => one.port === range.minPort);
    if (held.length * 100 <= size * MAX_BUSY_PERCENT && !(firstMustBeFree && firstHeld)) return;
    const name = `${String(range.minPort)}-${String(range.maxPort)}`;
    const who = [...new Set(held.flatMap(({ holder }) => holder ?? []))].slice(0, MAX_NAMED_HOLDERS);
    const whom = who.length === 0 ? '' : ` (${who.join('; ')})`;
    const sentence = `The ${title} ${name} is passed over: other programs${whom} hold ${String(held.length)} of its ports.`;
    found.push({ role, startPort: range.minPort, sentence });
  };
  single('sfuSignaling', 'SFU signaling port', blocks.sfuSignaling);
  // The first port of the media block is the one all media of the SFU goes through.
  block('sfuMedia', 'SFU media block', blocks.sfuMedia, true);
  block('turnRelay', 'TURN relay block', blocks.turnRelay, false);
  single('turn', 'TURN port', blocks.turn);
  single('turns', 'TURNS port', blocks.turns);
  return found;
}
