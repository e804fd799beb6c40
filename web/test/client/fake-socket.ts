/** A WebSocket whose other end is the test. */
export class FakeSocket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly sent: { type: string; data: Record<string, unknown> }[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as { type: string; data: Record<string, unknown> });
  }

  close(): void {
    this.closed = true;
  }

  open(): void {
    this.onopen?.();
  }

  receive(type: string, data: object, flat = false): void {
    this.onmessage?.({ data: JSON.stringify(flat ? { type, ...data } : { type, data }) });
  }

  breaks(): void {
    this.onclose?.();
  }

  /** Frames of one type, oldest first. */
  of(type: string): Record<string, unknown>[] {
    return this.sent.filter((frame) => frame.type === type).map((frame) => frame.data);
  }
}
