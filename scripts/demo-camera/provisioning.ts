/** The camera's two calls to the platform: where to dial, and TURN credentials. */

const TIMEOUT_MS = 10_000;
/** A credential that ends within this time is fetched anew before a session. */
const TURN_REFRESH_LEAD_SECONDS = 300;
const USER_AGENT = 'turnkeep-demo-camera/1';

export type Tunnel = {
  device: string;
  engine: string;
  token: string;
  name: string;
  labels: Record<string, string>;
};
export type Turn = { username: string; credential: string; urls: string[]; ttl: number };

export class Provisioning {
  readonly #apiUrl: string;
  readonly #secret: string;
  #turn: { value: Turn; freshUntilMs: number } | undefined;

  constructor(options: { apiUrl: string; secret: string }) {
    this.#apiUrl = options.apiUrl.replace(/\/+$/, '');
    this.#secret = options.secret;
  }

  async tunnel(): Promise<Tunnel> {
    const body = await this.#post('/api/devices/tunnel');
    const { device, engine, token, name, labels } = body as Partial<Tunnel>;
    if (!device || !engine || !token || !name)
      throw new Error('the platform answered an incomplete tunnel grant');
    return { device, engine, token, name, labels: labels ?? {} };
  }

  async turn(): Promise<Turn> {
    if (this.#turn !== undefined && this.#turn.freshUntilMs > Date.now()) return this.#turn.value;
    const value = (await this.#post('/api/devices/turn')) as Turn;
    if (!(value.ttl > 0)) throw new Error('the platform answered TURN credentials without a lifetime');
    this.#turn = { value, freshUntilMs: Date.now() + (value.ttl - TURN_REFRESH_LEAD_SECONDS) * 1000 };
    return value;
  }

  async #post(path: string): Promise<unknown> {
    const response = await fetch(this.#apiUrl + path, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        authorization: `Bearer ${this.#secret}`,
        'user-agent': USER_AGENT,
      },
      body: JSON.stringify({ agent: USER_AGENT }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 200)}`);
    return JSON.parse(text);
  }
}
