/**
 * Which layer an AV1 packet is of, by its dependency descriptor (RTP Payload Format for AV1, appendix A.8). The
 * structure that explains the others comes with key frames.
 */
import { BitReader } from './bit-reader.ts';
import { LAYER_END, NOTHING, SPATIAL_SHIFT, SWITCHING_POINT, TEMPORAL_SHIFT } from './codec-facts.ts';

const MANDATORY_BYTES = 3;
const END_OF_FRAME = 0x40;
const TEMPLATE_ID = 0x3f;
/** Of the fourth byte, which not every descriptor has. */
const STRUCTURE_PRESENT = 0x80;
const OWN_INDICATIONS = 0x20;
const MAX_TEMPLATES = 64;
const MAX_LAYER = 7;
/** next_layer_idc. */
const NEXT_TEMPORAL = 1;
const NEXT_SPATIAL = 2;
const NO_MORE_TEMPLATES = 3;
/** Decode target indications. */
const NOT_PRESENT = 0;
const SWITCH = 2;

type Layers = { spatial: number; temporal: number };
type Structure = {
  /** template_id_offset. */
  offset: number;
  /** What each template says of a packet, as bits of codec-facts.ts. */
  facts: readonly number[];
  sizes: readonly Size[];
};
type Size = { width: number; height: number };

export class DependencyDescriptors {
  #structure: Structure | undefined;

  /** Of each spatial layer's picture, from the lowest; empty while they are not known. Replaced, never changed. */
  get sizes(): readonly Size[] {
    return this.#structure?.sizes ?? NO_SIZES;
  }

  /** @returns layers, end of a layer's picture and switching points, as bits of codec-facts.ts. */
  read(element: Buffer): number {
    const first = element[0];
    if (first === undefined || element.length < MANDATORY_BYTES) return NOTHING;
    const flags = element[MANDATORY_BYTES] ?? 0;
    if ((flags & STRUCTURE_PRESENT) !== 0) this.#structure = readStructure(element) ?? this.#structure;
    const structure = this.#structure;
    if (structure === undefined) return NOTHING;
    const template = ((first & TEMPLATE_ID) + MAX_TEMPLATES - structure.offset) % MAX_TEMPLATES;
    const facts = structure.facts[template] ?? NOTHING;
    const own = (flags & OWN_INDICATIONS) === 0 ? facts : facts & ~SWITCHING_POINT;
    return (first & END_OF_FRAME) === 0 ? own : own | LAYER_END;
  }
}

const NO_SIZES: readonly Size[] = [];

/** template_dependency_structure(). @returns undefined when it is cut off or impossible. */
function readStructure(element: Buffer): Structure | undefined {
  const bits = new BitReader(element.subarray(MANDATORY_BYTES));
  // Flags: structure, active decode targets, own indications, own frame differences, own chains.
  bits.skip(5);
  const offset = bits.bits(6);
  const targets = bits.bits(5) + 1;
  const layers = readTemplateLayers(bits);
  if (layers === undefined) return undefined;
  const indications = layers.map(() => Array.from({ length: targets }, () => bits.bits(2)));
  // template_fdiffs(): one list per template, each ended by a zero.
  for (let ends = 0; ends < layers.length && !bits.overrun;) {
    if (bits.bit() === 0) ends += 1;
    else bits.skip(4);
  }
  // template_chains().
  const chains = nonSymmetric(bits, targets + 1);
  for (let target = 0; chains > 0 && target < targets; target += 1) nonSymmetric(bits, chains);
  bits.skip(layers.length * chains * 4);
  const sizes: Size[] = [];
  const hasSizes = bits.bit() === 1;
  for (let layer = 0; hasSizes && layer <= (layers.at(-1)?.spatial ?? 0); layer += 1)
    sizes.push({ width: bits.bits(16) + 1, height: bits.bits(16) + 1 });
  return bits.overrun ? undefined : { offset, facts: factsOf(layers, indications), sizes };
}

/** template_layers(). */
function readTemplateLayers(bits: BitReader): Layers[] | undefined {
  const layers: Layers[] = [];
  let [spatial, temporal] = [0, 0];
  while (layers.length < MAX_TEMPLATES && !bits.overrun) {
    layers.push({ spatial, temporal });
    const next = bits.bits(2);
    if (next === NO_MORE_TEMPLATES) return layers;
    if (next === NEXT_SPATIAL) [spatial, temporal] = [spatial + 1, 0];
    else if (next === NEXT_TEMPORAL) temporal += 1;
    if (spatial > MAX_LAYER || temporal > MAX_LAYER) return undefined;
  }
  return undefined;
}

/**
 * A picture of the lowest temporal layer is a switching point when each decode target of its size can be gone on with
 * from there (indication "switch").
 */
function factsOf(layers: readonly Layers[], indications: readonly (readonly number[])[]): number[] {
  // decode_target_layers(): the highest spatial layer that is present in each target.
  const sizes = (indications[0] ?? []).map((_, target) =>
    Math.max(...layers.map(({ spatial }, at) => (indications[at]?.[target] === NOT_PRESENT ? 0 : spatial))),
  );
  return layers.map(({ spatial, temporal }, at) => {
    const isSwitchingPoint =
      temporal === 0 &&
      sizes.every((size, target) => size !== spatial || indications[at]?.[target] === SWITCH);
    return (
      (spatial << SPATIAL_SHIFT) | (temporal << TEMPORAL_SHIFT) | (isSwitchingPoint ? SWITCHING_POINT : 0)
    );
  });
}

/** ns(n) of the AV1 bitstream specification, section 4.10.7. */
function nonSymmetric(bits: BitReader, values: number): number {
  const width = 32 - Math.clz32(values);
  const short = (1 << width) - values;
  const value = bits.bits(width - 1);
  return value < short ? value : value * 2 - short + bits.bit();
}
