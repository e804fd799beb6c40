/** A connection to the engine frame by frame, for clients that do not behave as ours does. */
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { decodeMessage, encodeFrame, FrameReader } from '../../tunnels/protocol/framing.ts';
import type { BodyOf, Message, MessageType } from '../../tunnels/protocol/messages.ts';
import { parseEngineAddress } from '../../tunnels/engine-address.ts';

export class RawClient {
  readonly socket: TLSSocket;
  readonly received: Message[] = [];
  readonly #frames = new FrameReader();
  #wake: () => void = () => undefined;
  closed = false;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
    socket.on('data', (chunk: Buffer) => {
      this.#frames.push(chunk);
      for (let frame = this.#frames.next(); Buffer.isBuffer(frame); frame = this.#frames.next()) {
        const decoded = decodeMessage(frame);
        if (decoded.ok && decoded.message !== undefined) this.received.push(decoded.message);
      }
      this.#wake();
    });
  }

  static async connect(engine: string, ca: string, options: ConnectionOptions = {}): Promise<RawClient> {
    const { host, port } = parseEngineAddress(engine);
    const socket = connect({ host, port: port!, ca, ALPNProtocols: ['rstrm/1'], ...options });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return new RawClient(socket);
  }

  send(...messages: Message[]): void {
    this.socket.write(Buffer.concat(messages.map(encodeFrame)));
  }

  /** Takes the next message of a type out of what was received, waiting for it. */
  async next<Type extends MessageType>(type: Type): Promise<BodyOf<Type>> {
    for (;;) {
      const at = this.received.findIndex((message) => message.type === type);
      if (at !== -1) return this.received.splice(at, 1)[0]!.body as BodyOf<Type>;
      if (this.closed) throw new Error(`closed while waiting for ${type}`);
      await this.#change();
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await this.#change();
  }

  /** Everything the engine has sent that was not taken, by type. */
  count(type: MessageType): number {
    return this.received.filter((message) => message.type === type).length;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** The request a producer makes for its tunnel. */
export function tunnelRequest(
  device: { tunnelName: string; labels: Record<string, string> },
  requestId = 'r-1',
): Message {
  return {
    type: 'OpenTunnelReq',
    body: {
      requestId,
      tunnelProperties: {
        name: device.tunnelName,
        labels: device.labels,
        publish: true,
        protocol: 'http',
        httpVersion: 'http/1.1',
        tokenAuth: true,
      },
    },
  };
}
