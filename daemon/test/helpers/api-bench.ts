/** The API with fakes behind it: both listeners, a clock that stands still, callers of every kind. */
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import { Budgets } from '../../api/budgets.ts';
import type { ApiContext } from '../../api/context.ts';
import { LiveEvents } from '../../api/live-events.ts';
import { buildServer } from '../../api/server.ts';
import { loadConfig } from '../../config/load.ts';
import { RunningConfig } from '../../config/running-config.ts';
import { SignalingGateway } from '../../api/signaling-gateway.ts';
import type { Role } from '../../contract/api.ts';
import { Audit } from '../../identity/audit.ts';
import { ApiKeys } from '../../identity/api-keys.ts';
import { Identity } from '../../identity/identity.ts';
import { OwnIssuer } from '../../identity/own-issuer.ts';
import type { IssuerKeys } from '../../identity/system.ts';
import { TokenIssuers } from '../../identity/token-issuers.ts';
import { RemoteIssuerKeys } from '../../system/oidc/remote-issuer-keys.ts';
import { SqliteIssuerStore } from '../../store/sqlite/issuer-store.ts';
import { SignalTickets } from '../../identity/signal-tickets.ts';
import type { Clock } from '../../kit/clock.ts';
import { openDatabase } from '../../store/sqlite/database.ts';
import { SqliteAuditStore } from '../../store/sqlite/audit-store.ts';
import { SqliteIdentityStore } from '../../store/sqlite/identity-store.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeCameras, FakeNamespaces } from './fake-domain.ts';
import { silentLog } from './silent-log.ts';

export const HOST = 'box.test:8080';
export const ORIGIN = `http://${HOST}`;

export type ApiBench = {
  local: FastifyInstance;
  network: FastifyInstance;
  context: ApiContext;
  namespaces: FakeNamespaces;
  cameras: FakeCameras;
  identity: Identity;
  apiKeys: ApiKeys;
  tokens: TokenIssuers;
  audit: Audit;
  clock: FakeClock;
  shutDatabase: () => void;
  /** Headers of a signed-in user with this role, as our own pages send them. */
  as: (role: Role) => Promise<Record<string, string>>;
  key: (namespace: string, role: Role) => Record<string, string>;
  /** Headers of a user of a tenant, by a token of the own issuer. */
  token: (namespace: string, role: Role) => Promise<Record<string, string>>;
};

/** Namespaces `a` and `b`; `a` has WebRTC. Closed with the test. */
export async function apiBench(
  t: Test,
  options: { change?: Partial<ApiContext>; clock?: Clock; issuerKeys?: IssuerKeys } = {},
): Promise<ApiBench> {
  const database = openDatabase(':memory:');
  const store = new SqliteIdentityStore(database);
  const fakeClock = new FakeClock();
  const clock = options.clock ?? fakeClock;
  const identity = new Identity({ store, clock, log: silentLog });
  identity.ensureFirstUser();
  const apiKeys = new ApiKeys({ store, clock });
  const audit = new Audit({ store: new SqliteAuditStore(database), key: Buffer.alloc(32, 7), clock });
  const namespaces = new FakeNamespaces(['a', 'b']);
  namespaces.targets.set('a', { address: '127.0.0.1', port: 9, ticketKey: 'k'.repeat(43) });
  namespaces.turn.open.set('a', []);
  const cameras = new FakeCameras();
  const live = new LiveEvents({ namespaces, clock, log: silentLog });
  live.attachCameras(cameras);
  const tokens = new TokenIssuers({
    own: await OwnIssuer.open(Buffer.alloc(32, 9)),
    store: new SqliteIssuerStore(database),
    keys: options.issuerKeys ?? new RemoteIssuerKeys({ clock }),
    namespaceSince: (name) => (namespaces.list().some((one) => one.name === name) ? 0 : undefined),
    clock,
  });
  const state = { open: true };
  const context: ApiContext = {
    configuration: new RunningConfig(() => loadConfig({ path: undefined, environment: {} })),
    namespaces,
    database: () => (state.open ? { identity, apiKeys, tokens, cameras, audit } : undefined),
    diagnosis: {
      inspect: () =>
        Promise.resolve({ at: '2026-01-01T00:00:00.000Z', durationMs: 0, ok: true, findings: [] }),
      doctor: () =>
        Promise.resolve({ at: '2026-01-01T00:00:00.000Z', ok: true, transports: [], attacks: [], host: [] }),
    },
    certificates: undefined,
    rooms: { sfu: () => undefined },
    tickets: new SignalTickets({ clock }),
    live,
    gateway: new SignalingGateway({ namespaces, clock, log: silentLog }),
    budgets: new Budgets({ clock }),
    apiUrl: () => ORIGIN,
    publicUrl: null,
    trustedProxies: [],
    caPem: null,
    tunnelCaPem: 'CA',
    problems: () => [],
    consoleDir: '/nonexistent',
    clock,
    log: silentLog,
    ...options.change,
  };
  const local = await buildServer(context, 'local');
  const network = await buildServer(context, 'network');
  t.teardown(async () => {
    live.close();
    context.gateway.close();
    await Promise.all([local.close(), network.close()]);
    database.close();
  });
  const as = async (role: Role): Promise<Record<string, string>> => {
    if (!identity.listUsers().some(({ name }) => name === role)) await identity.createUser(role, role);
    const { token } = identity.signInWithCode(identity.createSignInCode(role).code, `test-${Math.random()}`);
    return { host: HOST, origin: ORIGIN, cookie: `turnkeep_session=${token}` };
  };
  const key = (namespace: string, role: Role): Record<string, string> => ({
    host: HOST,
    'x-api-key': apiKeys.create(namespace, 'test', role).key,
  });
  return {
    local,
    network,
    context,
    namespaces,
    cameras,
    identity,
    apiKeys,
    tokens,
    audit,
    clock: fakeClock,
    shutDatabase: () => {
      state.open = false;
    },
    as,
    key,
    async token(namespace, role) {
      const { token } = await tokens.sign({ namespace, role, subject: 'alice', ttlSeconds: 86_400 });
      return { host: HOST, authorization: `Bearer ${token}` };
    },
  };
}

/** `POST /v1/x` as method and URL of an inject. */
export function route(text: string, rest: Omit<InjectOptions, 'method' | 'url'> = {}): InjectOptions {
  const [method, url] = text.split(' ');
  return { method: method as 'GET', url: url!, ...rest };
}

/** The code in a refusal's body. */
export function errorOf(answer: LightMyRequestResponse): string {
  return answer.json<{ error: string }>().error;
}
