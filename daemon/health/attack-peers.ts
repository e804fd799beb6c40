/** Peers that no relay may reach, in every spelling that has opened relays elsewhere. Pure. */

/** Unspecified, private, shared, loopback, link-local, cloud metadata, documentation, benchmark, multicast, broadcast. */
const SPECIAL = [
  ...['0.0.0.0', '10.0.0.5', '10.255.255.254', '100.64.0.1', '100.100.100.200', '127.0.0.1'],
  ...['127.255.255.254', '168.63.129.16', '169.254.0.1', '169.254.169.254', '172.16.0.1'],
  ...['172.31.255.254', '192.0.0.192', '192.0.2.1', '192.88.99.1', '192.168.0.1', '192.168.255.254'],
  ...['198.18.0.1', '203.0.113.5', '224.0.0.1', '255.255.255.255'],
];

/** @param own IPv4 addresses of this host. `except`: what the relay is for. */
export function attackPeers(own: readonly string[], except: readonly string[] = []): string[] {
  const bases = [...new Set([...SPECIAL, ...own])].filter((address) => !except.includes(address));
  return bases.flatMap(peerSpellings);
}

/**
 * An IPv4 address as it is, mapped, compatible and translated (RFC 4291, 6052, 8215), inside 6to4 (RFC 3056), Teredo
 * (RFC 4380) and ISATAP (RFC 5214).
 */
export function peerSpellings(ipv4: string): string[] {
  return [
    ipv4,
    `::ffff:${ipv4}`,
    `::${ipv4}`,
    `::ffff:0:${ipv4}`,
    `2002:${groups(ipv4)}::1`,
    `64:ff9b::${ipv4}`,
    `64:ff9b:1::${ipv4}`,
    `2001:0:808:808:8000:63bf:${groups(ipv4, 0xff)}`,
    `2606:4700::5efe:${ipv4}`,
    `2606:4700::200:5efe:${ipv4}`,
  ];
}

function groups(ipv4: string, mask = 0): string {
  const [a = 0, b = 0, c = 0, d = 0] = ipv4.split('.').map((octet) => Number(octet) ^ mask);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
