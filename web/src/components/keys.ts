/** Which keys do what, as the help lists them and as the shell reads them. */

/** A page the shell hands keys to. */
export interface KeyedPage extends HTMLElement {
  /** @returns true when the key was used. */
  handleKey?(event: KeyboardEvent): boolean;
  /** Moves the focus to the page's content. */
  focusMain?(): void;
}

const GO_KEYS: Readonly<Record<string, string>> = {
  w: '/',
  c: '/cameras',
  r: '/rooms',
  n: '/namespaces',
  h: '/health',
  m: '/load',
  a: '/access',
};

/** `g` then this key. @returns the page's path. */
export function pageOfKeys(key: string): string | null {
  return GO_KEYS[key] ?? null;
}

/** The key goes into a field, not to the page. */
export function isTyping(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return (
    target instanceof HTMLInputElement ||
    target instanceof HTMLTextAreaElement ||
    target instanceof HTMLSelectElement ||
    (target instanceof HTMLElement && target.isContentEditable)
  );
}

export const KEY_HELP: { title: string; keys: [string, string][] }[] = [
  {
    title: 'Everywhere',
    keys: [
      ['?', 'This help'],
      ['/', 'Find a camera'],
      ['g w', 'Wall'],
      ['g c', 'Cameras'],
      ['g r', 'Rooms'],
      ['g n', 'Namespaces'],
      ['g h', 'Health'],
      ['g m', 'Metrics'],
      ['g a', 'Access'],
      ['\\', 'Narrow or wide navigation'],
      ['Esc', 'Back one level'],
    ],
  },
  {
    title: 'Wall',
    keys: [
      ['← ↑ → ↓', 'Move between pictures'],
      ['Home End', 'First, last picture'],
      ['Enter', 'Open the picture'],
      ['1 4 9 6 0', '1, 4, 9, 16, as many as fit'],
      ['Page ↑ ↓', 'Previous, next page'],
      ['F', 'Fill the screen'],
      ['M', 'Sound of the picture'],
      ['S', 'Snapshot of the picture'],
    ],
  },
  {
    title: 'Camera',
    keys: [
      ['I', 'Statistics: off, short, full'],
      ['M', 'Sound'],
      ['S', 'Snapshot'],
      ['P', 'Picture in picture'],
      ['F', 'Fullscreen'],
      ['R', 'Try now'],
      ['[ ]', 'Previous, next camera'],
    ],
  },
];
