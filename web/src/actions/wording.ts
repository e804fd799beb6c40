/** Times, ages and figures in the console's words: absolute first, age in brackets, units with a space. */

const two = (value: number): string => String(value).padStart(2, '0');

/** `14:02:31` in the browser's zone. */
export function clock(atMs: number): string {
  const at = new Date(atMs);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** `14:02`. */
export function shortClock(atMs: number): string {
  return clock(atMs).slice(0, 5);
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `today 09:41`, `yesterday 23:10`, `12 Aug 09:41`, `12 Aug 2025`. */
export function dayAndTime(atMs: number, nowMs: number): string {
  const at = new Date(atMs);
  const midnight = new Date(nowMs).setHours(0, 0, 0, 0);
  if (atMs >= midnight && atMs < midnight + 86_400_000) return `today ${shortClock(atMs)}`;
  if (atMs >= midnight - 86_400_000 && atMs < midnight) return `yesterday ${shortClock(atMs)}`;
  const day = `${String(at.getDate())} ${MONTHS[at.getMonth()] ?? ''}`;
  return at.getFullYear() === new Date(nowMs).getFullYear()
    ? `${day} ${shortClock(atMs)}`
    : `${day} ${String(at.getFullYear())}`;
}

/** `12 s`, `21 min`, `4 h 21 min`, `3 days`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${String(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${String(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) {
    return minutes % 60 === 0 ? `${String(hours)} h` : `${String(hours)} h ${String(minutes % 60)} min`;
  }
  return `${String(Math.floor(hours / 24))} days`;
}

export function ago(sinceMs: number, nowMs: number): string {
  return `${duration(nowMs - sinceMs)} ago`;
}

/** Whole seconds until then, never below 1: `4 s`. */
export function countdown(untilMs: number, nowMs: number): string {
  return `${String(Math.max(1, Math.ceil((untilMs - nowMs) / 1000)))} s`;
}

/** `2.4 Mbit/s`, `640 kbit/s`; `digits` counts those behind the point of a Mbit/s. */
export function bitRate(bitsPerSecond: number, digits = 1): string {
  return bitsPerSecond >= 1_000_000
    ? `${(bitsPerSecond / 1_000_000).toFixed(digits)} Mbit/s`
    : `${String(Math.round(bitsPerSecond / 1000))} kbit/s`;
}

export function milliseconds(ms: number): string {
  return `${String(Math.round(ms))} ms`;
}

/** 0.042 -> `4.2 %`. */
export function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}

/** `8 214`: groups of three, apart from each other by a space that does not break. */
export function grouped(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, '\u00a0');
}

/** `1 camera`, `3 cameras`. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${String(count)} ${count === 1 ? one : many}`;
}

/** `udp 3478, tcp 3478 or tls 5349`. */
export function alternatives(names: readonly string[]): string {
  if (names.length < 2) return names[0] ?? '';
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`;
}

/** `1080p` for 1920 x 1080 and its portrait form. */
export function pictureName(width: number, height: number): string {
  return `${String(Math.min(width, height))}p`;
}
