/** What the daemon asks the firewall helper for, through a file that the helper does not trust. */
import { z } from 'zod';
import { ipSchema, namespaceNameSchema, portSchema } from './names.ts';

/** A port range that outsiders may reach. `0.0.0.0` and `::` are all addresses of the host. */
export const firewallOpeningSchema = z
  .strictObject({
    namespace: namespaceNameSchema,
    protocol: z.enum(['udp', 'tcp']),
    address: ipSchema,
    minPort: portSchema,
    maxPort: portSchema,
  })
  .refine(({ minPort, maxPort }) => minPort <= maxPort, 'minPort is greater than maxPort');
export type FirewallOpening = z.infer<typeof firewallOpeningSchema>;

/** More than every namespace of a host with eight addresses needs. */
const MAX_OPENINGS = 4000;

export const firewallRequestSchema = z.strictObject({
  version: z.literal(1),
  openings: z.array(firewallOpeningSchema).max(MAX_OPENINGS),
  /** Only look whether the rules are so. */
  check: z.boolean().default(false),
});
export type FirewallRequest = z.infer<typeof firewallRequestSchema>;

export const firewallManagerSchema = z.enum(['none', 'nftables', 'ufw']);
export type FirewallManager = z.infer<typeof firewallManagerSchema>;
