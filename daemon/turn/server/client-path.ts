/** How bytes get back to a client, whatever its transport. Implemented by the listeners. */
import type { Allocation } from '../core/allocation.ts';
import type { ClientRef } from '../core/actions.ts';
import type { TurnCore } from '../core/turn-core.ts';
import type { IpAddress } from '../../kit/ip-address.ts';
import type { RelaySocket } from './relay-socket.ts';

export interface ClientPath extends ClientRef {
  /** An answer to a request: not dropped for slowness, the client is waiting. */
  sendAnswer(bytes: Buffer): void;
  /** Relayed bytes. Dropped and counted when the client reads too slowly. */
  sendChannelData(channel: number, payload: Buffer): void;
  sendDataIndication(peer: IpAddress, peerPort: number, payload: Buffer): void;
  /** The client's allocation was made, or is gone: its connection may be kept, or timed again. */
  allocationChanged(allocated: boolean): void;
}

export type ServiceCore = TurnCore<ClientPath, RelaySocket>;
export type ServiceAllocation = Allocation<ClientPath, RelaySocket>;
