/** ChannelData on its way from a client to the peer its channel is bound to, whatever the client's transport. */
import {
  CHANNEL_HEADER_BYTES,
  channelDataLength,
  channelOf,
  isWholeChannelData,
} from '../codec/channel-data.ts';
import type { Datagram } from '../../datagrams/datagram.ts';
import type { ServiceAllocation, ServiceCore } from './relay-socket.ts';

type ServiceChannel = NonNullable<ReturnType<ServiceAllocation['channels']['get']>>;

/** From a stream or a DTLS record. `bytes` may end in padding. */
export function relayToPeer(
  core: ServiceCore,
  allocation: ServiceAllocation | undefined,
  bytes: Buffer,
): void {
  const channel = admit(core, allocation, bytes, 0, bytes.length);
  if (channel === undefined) return;
  const end = CHANNEL_HEADER_BYTES + channelDataLength(bytes);
  channel.relay.send(bytes.subarray(CHANNEL_HEADER_BYTES, end), channel.port, channel.address);
}

/** From a datagram that is being received, which may end in padding. */
export function forwardToPeer(
  core: ServiceCore,
  allocation: ServiceAllocation | undefined,
  datagram: Datagram,
): void {
  const { bytes, start } = datagram;
  const channel = admit(core, allocation, bytes, start, datagram.end);
  if (channel === undefined) return;
  const length = channelDataLength(bytes, start);
  channel.relay.forward(datagram, start + CHANNEL_HEADER_BYTES, length, channel.port, channel.address);
}

/** The channel of a message that may pass, with the message counted; undefined: dropped, and the drop counted. */
function admit(
  core: ServiceCore,
  allocation: ServiceAllocation | undefined,
  bytes: Buffer,
  start: number,
  end: number,
): ServiceChannel | undefined {
  if (allocation === undefined) {
    core.drops.add('no-allocation');
    return undefined;
  }
  if (!isWholeChannelData(bytes, start, end)) {
    core.drops.add('channel-data-short');
    return undefined;
  }
  const channel = allocation.channels.get(channelOf(bytes, start));
  if (channel === undefined) {
    core.drops.add('channel-unbound');
    return undefined;
  }
  const length = channelDataLength(bytes, start);
  if (allocation.meter?.admits(length) === false) return undefined;
  allocation.toPeerPackets += 1;
  allocation.toPeerBytes += length;
  return channel;
}
