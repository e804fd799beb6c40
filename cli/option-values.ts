/** Reads the values of options, before the daemon is asked. What is refused names the option, as commander does. */
import { InvalidArgumentError } from 'commander';

/** For commander: a whole number from `min` to `max`, or its sentence. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^[0-9]{1,15}$/.test(text) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It is a whole number from ${String(min)} to ${String(max)}.`);
  };
}
