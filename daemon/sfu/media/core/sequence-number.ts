/** Counters of 16 and 32 bits made endless: the value nearest to a reference that has these low bits. */

/** Extended sequence number nearest to `reference`; may be negative when `reference` is small. */
export function extendSequence(sequenceNumber: number, reference: number): number {
  return nearest(sequenceNumber, reference, 0x1_0000);
}

/** Extended RTP timestamp nearest to `reference`. */
export function extendTimestamp(timestamp: number, reference: number): number {
  return nearest(timestamp, reference, 0x1_0000_0000);
}

function nearest(value: number, reference: number, modulus: number): number {
  const low = ((reference % modulus) + modulus) % modulus;
  let delta = value - low;
  if (delta > modulus / 2) delta -= modulus;
  else if (delta < -modulus / 2) delta += modulus;
  return reference + delta;
}
