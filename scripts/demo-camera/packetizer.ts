/** RTP payloads of an access unit (RFC 6184): STAP-A for parameter sets, single NAL units, FU-A. Pure. */

const TYPE_STAP_A = 24;
const TYPE_FU_A = 28;

/** The payloads in order; the marker bit belongs on the last. `maxBytes` bounds each payload. */
export function h264Payloads(nalUnits: Buffer[], maxBytes: number): Buffer[] {
  const payloads: Buffer[] = [];
  let parameterSets: Buffer[] = [];
  const flush = (): void => {
    if (parameterSets.length === 1 && parameterSets[0] !== undefined) payloads.push(parameterSets[0]);
    else if (parameterSets.length > 1) payloads.push(stapA(parameterSets));
    parameterSets = [];
  };
  for (const nal of nalUnits) {
    const type = (nal[0] ?? 0) & 0x1f;
    if (type >= 6 && type <= 8) {
      parameterSets.push(nal);
      continue;
    }
    flush();
    if (nal.length <= maxBytes) payloads.push(nal);
    else payloads.push(...fuA(nal, maxBytes));
  }
  flush();
  return payloads;
}

function stapA(nalUnits: Buffer[]): Buffer {
  const reference = Math.max(...nalUnits.map((nal) => (nal[0] ?? 0) & 0x60));
  const parts: Buffer[] = [Buffer.from([reference | TYPE_STAP_A])];
  for (const nal of nalUnits) {
    const size = Buffer.alloc(2);
    size.writeUInt16BE(nal.length);
    parts.push(size, nal);
  }
  return Buffer.concat(parts);
}

function fuA(nal: Buffer, maxBytes: number): Buffer[] {
  const header = nal[0] ?? 0;
  const payloads: Buffer[] = [];
  const room = maxBytes - 2;
  for (let at = 1; at < nal.length; at += room) {
    const start = at === 1 ? 0x80 : 0;
    const end = at + room >= nal.length ? 0x40 : 0;
    const prefix = Buffer.from([(header & 0xe0) | TYPE_FU_A, start | end | (header & 0x1f)]);
    payloads.push(Buffer.concat([prefix, nal.subarray(at, at + room)]));
  }
  return payloads;
}
