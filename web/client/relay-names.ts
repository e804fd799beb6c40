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
    const match = /^(turns?):(?:\[[^\]]*\]|[^:?]*)(?::(\d+))?(?:\?transport=(udp|tcp))?$/i.exec(url);
    if (match === null) return url;
    const secure = match[1]?.toLowerCase() === 'turns';
    const transport = (match[3] ?? (secure ? 'tcp' : 'udp')).toLowerCase();
    const name = secure ? (transport === 'udp' ? 'dtls' : 'tls') : transport;
    return `${name} ${match[2] ?? (secure ? '5349' : '3478')}`;
  });
  return [...new Set(names)];
}
