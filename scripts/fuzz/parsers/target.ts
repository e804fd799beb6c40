/** What the fuzzer of the SFU's parsers drives: the real code, in this process, without a socket. */

/** Inputs of one batch go to one of these, in order; the same inputs do the same again. */
export type Subject = {
  /** @throws whatever is wrong: an exception of the code under test, or of a check of what it made. */
  take(input: Buffer): void | Promise<void>;
  /** Ends it and looks once more at the whole. */
  finish(): void | Promise<void>;
};

export type ParserTarget = {
  mutate(bytes: Buffer, random: () => number): Buffer;
  /** A fresh state. */
  open(): Subject | Promise<Subject>;
};

export const PARSER_TARGETS = ['rtp', 'rtcp', 'sdp', 'signaling'] as const;
export type ParserTargetName = (typeof PARSER_TARGETS)[number];

/** A check of what came out. */
export function ensure(holds: boolean, said: string): asserts holds {
  if (!holds) throw new Error(said);
}
