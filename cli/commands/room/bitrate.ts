/** `2.50 Mbit/s`, `640 kbit/s` or `0`. */
export function bitrate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1_000_000) return `${(bitsPerSecond / 1_000_000).toFixed(2)} Mbit/s`;
  return bitsPerSecond <= 0 ? '0' : `${String(Math.max(1, Math.round(bitsPerSecond / 1000)))} kbit/s`;
}
