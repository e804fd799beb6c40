/** Names as people know them: codecs and relay transports. Pure. */

/** `video/H264` -> `H.264`. */
export function codecName(mimeType: string): string {
  const name = mimeType.slice(mimeType.indexOf('/') + 1);
  return name.toUpperCase() === 'H264'
    ? 'H.264'
    : name.toUpperCase() === 'H265'
      ? 'H.265'
      : name.toUpperCase();
}

/** `turn:host:3478?transport=udp` -> `udp 3478`; duplicates removed. */
export function transportsOf(urls: string[]): string[] {
  const names = urls.map((url) => {
    const [whole, secure, port, transport] =
      /^turn(s?):.*?(?::(\d+))?(?:\?transport=(udp|tcp))?$/.exec(url) ?? [];
    if (!whole) return url;
    if (!secure) return `${transport ?? 'udp'} ${port ?? '3478'}`;
    return `${transport === 'udp' ? 'dtls' : 'tls'} ${port ?? '5349'}`;
  });
  return [...new Set(names)];
}
