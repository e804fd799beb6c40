/** What `native/datagram.cc` and JavaScript share: functions, and places in blocks of 32 bit integers. */

/** The functions of native/datagram.cc, where the layout of the blocks is described. */
export type Addon = {
  layout: number;
  memory: ArrayBuffer;
  received: ArrayBuffer;
  sends: ArrayBuffer;
  control: ArrayBuffer;
  arenaAt: number;
  open(address: string, port: number, bufferBytes: number, offload: boolean): number;
  port(socket: number): number;
  close(socket: number): void;
  flush(): void;
  openContext(profile: number, key: Buffer, salt: Buffer, authKey: Buffer, opens: boolean): number;
  closeContext(context: number): void;
  openRtp(context: number, packet: Buffer, headerBytes: number, rollover: number): number;
  openRtcp(context: number, packet: Buffer): number;
  sealRtcp(context: number, packet: Buffer, index: number): number;
  listen(callback: (received: number, failures: number) => void): void;
};

/** An addon with another number was built from another release's source. */
export const LAYOUT = 3;

export const RECEIVED = { ints: 9, socket: 0, offset: 1, length: 2, port: 3, address: 4 } as const;
export const SEND = {
  ints: 14,
  socket: 0,
  port: 1,
  address: 2,
  header: 7,
  offset: 8,
  length: 9,
  context: 10,
  rollover: 11,
  headerBytes: 12,
  payload: 13,
} as const;
export const CONTROL = { sends: 0, arenaUsed: 1, flushes: 2, patient: 3, ended: 4, failures: 5 } as const;
export const FAILURE = { ints: 3, socket: 0, full: 1, failed: 2 } as const;
export const IPV6 = 0x10000;
export const PORT_MASK = 0xffff;
export const MAX_DATAGRAM_BYTES = 65_535;
export const DESTINATION_INTS = 7;
