/** Leaves out the spatial layers of one viewer's stream that it is not to have (SVC). Changes between pictures only. */
import { KEY_FRAME, LAYER_END, spatialLayerOf } from './codec-facts.ts';
import type { MediaPacket } from './media-packet.ts';
import type { CoreSource, Encoding } from './source.ts';
import { ALL_LAYERS } from './spatial-layers.ts';

export class LayerFilter {
  #top = ALL_LAYERS;
  #wanted = ALL_LAYERS;
  #changes = 0;

  /** How often the highest layer became another one. */
  get changes(): number {
    return this.#changes;
  }

  /** What is sent of this source. */
  encodingOf({ encodings }: CoreSource): Encoding | undefined {
    return encodings[Math.min(this.#top, encodings.length - 1)];
  }

  /** Less from the next picture on, more from the next key frame on. @returns true when that has to be asked for. */
  want(encoding: Encoding): boolean {
    // Of all there is, layers that are added later are a part.
    const wanted = encoding === encoding.source.encodings.at(-1) ? ALL_LAYERS : encoding.top;
    if (wanted === this.#wanted) return false;
    this.#wanted = wanted;
    return wanted > this.#top;
  }

  /** Another stream follows: all of it, until something else is wanted. */
  reset(): void {
    this.#top = ALL_LAYERS;
    this.#wanted = ALL_LAYERS;
  }

  /** Whether the next packet is for this viewer. */
  passes(packet: MediaPacket): boolean {
    if (packet.isFrameStart && this.#top !== this.#wanted) this.#move((packet.facts & KEY_FRAME) !== 0);
    return spatialLayerOf(packet.facts) <= this.#top;
  }

  /** The marker of a packet that passes: a picture ends with the last of its layers that is sent. */
  marker(packet: MediaPacket): boolean {
    const { facts, marker } = packet;
    return marker || ((facts & LAYER_END) !== 0 && spatialLayerOf(facts) === this.#top);
  }

  #move(isKeyFrame: boolean): void {
    if (this.#wanted > this.#top && !isKeyFrame) return;
    this.#top = this.#wanted;
    this.#changes += 1;
  }
}
