/** NTP timestamps (RFC 3550 section 4) from Unix milliseconds, with a true binary fraction. */
const SECONDS_1900_TO_1970 = 2_208_988_800;

/** Both 32 bit halves of the 64 bit timestamp. */
export function ntpTime(unixMs: number): { seconds: number; fraction: number } {
  const whole = Math.floor(unixMs / 1000);
  const fraction = Math.floor(((unixMs - whole * 1000) / 1000) * 0x1_0000_0000);
  return { seconds: (whole + SECONDS_1900_TO_1970) % 0x1_0000_0000, fraction };
}

/** The middle 32 bits, as used by LSR and DLSR: units of 1/65536 s. */
export function compactNtp(unixMs: number): number {
  const { seconds, fraction } = ntpTime(unixMs);
  return ((seconds & 0xffff) * 0x1_0000 + (fraction >>> 16)) >>> 0;
}

/**
 * Round trip of a report block (RFC 3550 section 6.4.1): arrival - LSR - DLSR.
 * @returns milliseconds, at least 0; undefined when no sender report was echoed or the value is absurd.
 */
export function roundTripMs(nowMs: number, lastSenderReport: number, delay: number): number | undefined {
  if (lastSenderReport === 0) return undefined;
  const units = (compactNtp(nowMs) - lastSenderReport - delay) | 0;
  const ms = (units / 0x1_0000) * 1000;
  // Rounding of both clocks may make it slightly negative.
  if (ms < -1000 || ms > 60_000) return undefined;
  return Math.max(0, ms);
}
