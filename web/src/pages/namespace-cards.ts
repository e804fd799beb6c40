/** Cards of a namespace's overview: what the probes answered, its ports, its two services. Templates of plain data. */
import { css, html, nothing, type TemplateResult } from 'lit';
import type { WebrtcStatus } from '../../../daemon/contract/api.ts';
import type { TurnOperationsStatus } from '../../../daemon/contract/turn-operations.ts';
import { serviceWord } from '../actions/namespace-view.ts';
import { dnsView, firewallView } from '../actions/network-view.ts';
import { binary, certificateText, listenerText } from '../actions/turn-view.ts';
import { counted, dayAndTime, duration } from '../actions/wording.ts';
import { icon, stateWord } from '../components/icon.ts';
import { meter } from '../components/meter.ts';
import { outsideCell, wordOf } from './network-cards.ts';

export function probeCard(options: {
  status: WebrtcStatus;
  probedAtMs: number;
  turn: TurnOperationsStatus | null;
  nowMs: number;
  busy: boolean;
  again: () => void;
}): TemplateResult {
  const { status, turn, nowMs, probedAtMs, busy, again } = options;
  // The live number, where there is one: two that differ would make people doubt both.
  const sessions = turn?.allocations ?? status.allocations;
  return html`<section class="tk-card" aria-labelledby="probed" aria-busy=${busy}>
    <header>
      <h2 id="probed" class="grow">Probed ${duration(nowMs - probedAtMs)} ago</h2>
      <span class="faint tiny desk">Answers from the running services, not from the database</span>
      <button class="tk-button small ghost" aria-disabled=${busy} @click=${again}>
        ${icon('i-refresh')}Probe now
      </button>
    </header>
    <div class="tk-probe">
      <div>
        <div class="k">TURN</div>
        ${serviceCell(status.turn)}
        <div class="v">
          ${turn === null ? nothing : html`${transports(turn)}<br />`}
          ${sessions === null ? nothing : counted(sessions, 'session')} ${problemOf(status.turn)}
        </div>
      </div>
      <div>
        <div class="k">SFU</div>
        ${serviceCell(status.sfu)}
        <div class="v">
          ${
            status.rooms === null || status.sessions === null
              ? nothing
              : html`${counted(status.rooms, 'room')}<br />${counted(status.sessions, 'viewer')}`
          }
          ${problemOf(status.sfu)}
        </div>
      </div>
      ${outsideCell('DNS', dnsView(status.dns), 'record')}
      ${turn?.certificate === undefined ? nothing : certificateCell(turn.certificate, nowMs)}
      ${outsideCell('Firewall', firewallView(status.firewall), 'rule')}
    </div>
  </section>`;
}

type Service = WebrtcStatus['turn'];

function serviceCell(service: Service): TemplateResult {
  return wordOf(serviceWord(service));
}

function problemOf(service: Service): TemplateResult | typeof nothing {
  return service === null || service.up === 'up' ? nothing : html`<div>${service.sentence}</div>`;
}

function transports({ listeners }: TurnOperationsStatus): string {
  return [...new Set(listeners.filter(({ open }) => open).map(({ transport }) => transport))].join(', ');
}

function certificateCell(
  certificate: NonNullable<TurnOperationsStatus['certificate']>,
  nowMs: number,
): TemplateResult {
  const word = certificateText(certificate, nowMs);
  return html`<div>
    <div class="k">Certificate</div>
    ${wordOf(word)}
    <div class="v">
      ends ${dayAndTime(certificate.notAfterMs, nowMs)}
      ${certificate.problem === '' ? nothing : html`<div>${certificate.problem}</div>`}
    </div>
  </div>`;
}

export function portsCard(
  ports: NonNullable<WebrtcStatus['ports']>,
  uris: readonly string[],
  turn: TurnOperationsStatus | null,
): TemplateResult {
  const range = ({ minPort, maxPort }: { minPort: number; maxPort: number }): string =>
    `${String(minPort)}–${String(maxPort)}`;
  const listeners = turn === null ? null : listenerText(turn.listeners);
  return html`<section class="tk-card" aria-labelledby="ports">
    <header><h2 id="ports">Ports</h2></header>
    <div class="body stack tight">
      <dl class="lines">
        <dt>TURN listeners, public</dt>
        <dd>${listeners?.open ?? `${String(ports.turn)}, ${String(ports.turns)}`}</dd>
        ${
          listeners === null || listeners.closed === ''
            ? nothing
            : html`<dt class="error">Not open</dt>
                <dd class="error">${listeners.closed}</dd>`
        }
        <dt>TURN relay, shield only</dt>
        <dd>${range(ports.turnRelay)}</dd>
        <dt>SFU media, shield only</dt>
        <dd>${range(ports.sfuMedia)}</dd>
        <dt>SFU signaling, shield only</dt>
        <dd>${ports.sfuSignaling}</dd>
      </dl>
      ${
        uris.length === 0
          ? nothing
          : html`<h3 class="sent">Clients are sent to</h3>
              <ul class="uris mono tiny">
                ${uris.map((uri) => html`<li>${uri}</li>`)}
              </ul>`
      }
    </div>
  </section>`;
}

const RELAYS = {
  sfu: 'TURN relays to the SFU of this namespace only.',
  public: 'TURN relays to the SFU, and to any public address.',
} as const;

export function servicesCard(status: WebrtcStatus, nowMs: number): TemplateResult {
  return html`<section class="tk-card" aria-labelledby="services">
    <header>
      <h2 id="services" class="grow">Services</h2>
      <span class="faint tiny desk">What happens in here stays in here</span>
    </header>
    <div class="body">
      <div class="tk-wallbox">
        <span class="cap">${status.namespace}</span>
        ${unit('turnkeep-turn', status.namespace, status.turn, nowMs)}
        ${unit('turnkeep-sfu', status.namespace, status.sfu, nowMs, status.workers)}
      </div>
      ${quota(status.quota)}
    </div>
    <footer>
      ${status.relay === undefined ? nothing : RELAYS[status.relay]} Credentials are valid for
      ${duration(status.credentialTtlSeconds * 1000)}. Each namespace has its own secret.
    </footer>
  </section>`;
}

/** What both services together take of what the namespace may. */
function quota(view: WebrtcStatus['quota']): TemplateResult | typeof nothing {
  if (view === undefined) return nothing;
  const { quota: may, used, problem } = view;
  const limit = may.memoryMiB * 1024 * 1024;
  const memory = used?.memoryBytes ?? null;
  const tasks = used?.tasks ?? null;
  const lines = [
    {
      title: 'Memory',
      words: `${memory === null ? 'at most' : `${binary(memory)} of`} ${binary(limit)}`,
      ratio: memory === null ? null : memory / limit,
    },
    {
      title: 'Tasks',
      words: `${tasks === null ? 'at most' : `${String(tasks)} of`} ${String(may.tasks)}`,
      ratio: tasks === null ? null : tasks / may.tasks,
    },
    {
      title: 'CPU',
      words: may.cpuPercent === 0 ? 'no bound of its own' : `at most ${String(may.cpuPercent)} % of one core`,
      ratio: null,
    },
  ];
  return html`<dl class="quota">
      ${lines.map(
        ({ title, words, ratio }) =>
          html`<dt>${title}</dt>
            <dd>${ratio === null ? nothing : meter(title, ratio, words)}</dd>
            <dd class="words">${words}</dd>`,
      )}
    </dl>
    ${problem === '' ? nothing : html`<p class="tiny muted problem">${problem}</p>`}`;
}

function unit(
  name: string,
  namespace: string,
  service: Service,
  nowMs: number,
  workers: WebrtcStatus['workers'] = [],
): TemplateResult {
  const { state, label } = serviceWord(service);
  const since = service === null || service.since === null ? null : Date.parse(service.since);
  const running =
    state === 'live' && since !== null ? `running ${duration(nowMs - since)}` : label.toLowerCase();
  return html`<div class="unit">
    <div class="row">
      <code class="small grow cut">${name}@${namespace}</code>${stateWord(state, running)}
    </div>
    ${
      service === null
        ? nothing
        : html`<div class="v">
            ${service.pid === null ? nothing : html`process ${service.pid}, `}${counted(service.restarts, 'restart')}
          </div>`
    }
    ${workers.map(
      ({ index, pid, rooms, subscriptions, restarts }) =>
        html`<div class="v tiny">
          worker ${index}: ${counted(rooms, 'room')}, ${counted(subscriptions, 'track')} watched,
          ${pid === null ? html`<span class="connecting">being started again</span>` : html`process ${pid}`},
          ${counted(restarts, 'restart')}
        </div>`,
    )}
  </div>`;
}

export const namespaceCardStyles = css`
  .tk-probe {
    display: grid;
    grid-auto-flow: column;
    grid-auto-columns: minmax(0, 1fr);
  }
  .tk-probe > div {
    padding: 14px 16px;
    border-left: 1px solid var(--tk-line);
    min-width: 0;
  }
  .tk-probe > div:first-child {
    border-left: 0;
  }
  .lines {
    display: grid;
    grid-template-columns: max-content minmax(0, 1fr);
    gap: 8px 16px;
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
    color: var(--tk-text-3);
  }
  .lines dd {
    color: var(--tk-text);
    font-weight: var(--tk-weight-medium);
    text-align: right;
  }
  .lines .error {
    color: var(--tk-error);
  }
  .uris {
    display: grid;
    gap: 2px;
    overflow-wrap: anywhere;
    color: var(--tk-text-2);
  }
  .tk-wallbox {
    border: 1.5px solid var(--tk-line-strong);
    border-radius: 10px;
    padding: 18px 14px 14px;
    display: grid;
    gap: 12px;
    position: relative;
  }
  .cap {
    position: absolute;
    top: -10px;
    left: 12px;
    background: var(--tk-surface);
    padding: 0 6px;
    font-size: var(--tk-size-2);
    color: var(--tk-text-2);
    font-family: var(--tk-mono);
  }
  .quota {
    display: grid;
    grid-template-columns: max-content minmax(0, 1fr) max-content;
    gap: 6px 12px;
    align-items: center;
    margin-top: 14px;
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
  }
  .problem {
    margin-top: 10px;
  }
  .sent {
    margin-top: 8px;
  }
  .quota dt {
    color: var(--tk-text-3);
  }
  .quota .tk-meter {
    display: block;
  }
  .unit {
    background: var(--tk-inset);
    border-radius: 8px;
    padding: 10px 12px;
    display: grid;
    gap: 4px;
  }
  @media (max-width: 639px) {
    .tk-probe {
      grid-auto-flow: row;
    }
    .tk-probe > div {
      border-left: 0;
      border-top: 1px solid var(--tk-line);
    }
    .tk-probe > div:first-child {
      border-top: 0;
    }
  }
`;
