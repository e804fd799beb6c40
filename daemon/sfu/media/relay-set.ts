/** The addresses this SFU talks with: the relay blocks of its namespace's TURN services. Pure. */
import type { AddressBlock } from '../../contract/turn-config.ts';
import { canonicalIp } from '../../kit/ip-address.ts';

export class RelaySet {
  readonly #blocks = new Map<string, { minPort: number; maxPort: number }[]>();

  /** An empty list means nobody: the set never opens by being forgotten. */
  constructor(blocks: readonly AddressBlock[]) {
    for (const block of blocks) {
      const address = canonicalIp(block.address);
      if (address === undefined) continue;
      const list = this.#blocks.get(address) ?? [];
      list.push({ minPort: block.minPort, maxPort: block.maxPort });
      this.#blocks.set(address, list);
    }
  }

  /** True when the source or target is a relayed address. `address` is the socket's own spelling. */
  has(address: string, port: number): boolean {
    const blocks = this.#blocks.get(address);
    if (blocks === undefined) return false;
    for (const block of blocks) if (port >= block.minPort && port <= block.maxPort) return true;
    return false;
  }
}
