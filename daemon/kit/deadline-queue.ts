/**
 * Many lifetimes, one timer: a binary heap of deadlines. Setting a key again moves it; the old heap
 * entry is dropped lazily when it surfaces. `set` and `delete` are O(log n) and O(1).
 */
export class DeadlineQueue<Key> {
  readonly #current = new Map<Key, number>();
  readonly #heap: { atMs: number; key: Key }[] = [];

  /** Number of keys with a deadline. */
  get size(): number {
    return this.#current.size;
  }

  /** Sets or moves the deadline of `key`. */
  set(key: Key, atMs: number): void {
    this.#current.set(key, atMs);
    this.#push({ atMs, key });
    // Lazy entries may not outgrow the live ones for ever: rebuild when they are three quarters.
    if (this.#heap.length > 64 && this.#heap.length > this.#current.size * 4) this.#rebuild();
  }

  delete(key: Key): void {
    this.#current.delete(key);
  }

  /** The earliest deadline, or undefined when nothing waits. */
  next(): number | undefined {
    this.#dropStale();
    return this.#heap[0]?.atMs;
  }

  /** Removes and returns one key whose deadline is at or before `nowMs`, earliest first. */
  takeExpired(nowMs: number): Key | undefined {
    this.#dropStale();
    const top = this.#heap[0];
    if (top === undefined || top.atMs > nowMs) return undefined;
    this.#pop();
    this.#current.delete(top.key);
    return top.key;
  }

  #dropStale(): void {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      if (this.#current.get(top.key) === top.atMs) return;
      this.#pop();
    }
  }

  #rebuild(): void {
    this.#heap.length = 0;
    for (const [key, atMs] of this.#current) this.#push({ atMs, key });
  }

  #push(entry: { atMs: number; key: Key }): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt];
      if (parent === undefined || parent.atMs <= entry.atMs) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let childAt = at * 2 + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && right.atMs < child.atMs) {
        child = right;
        childAt += 1;
      }
      if (child.atMs >= last.atMs) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
  }
}
