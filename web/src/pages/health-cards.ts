/** Cards of the Health page: findings with their remedies, the doctor's paths, attacks, ports. Templates of plain data. */
import { css, html, nothing, type TemplateResult } from 'lit';
import type { DoctorReport, Finding, PortMap } from '../../../daemon/contract/diagnosis.ts';
import {
  attackWord,
  commandsOf,
  GROUPS,
  ofSeverity,
  pathMatrix,
  remedyParts,
  type PathCell,
} from '../actions/health-view.ts';
import { blockText, listenerState, takenText } from '../actions/ports-view.ts';
import { dayAndTime } from '../actions/wording.ts';
import { icon, okWord, stateWord } from '../components/icon.ts';
import '../components/tk-command.ts';

type Group = (typeof GROUPS)[number];

const glyphOf = ({ severity, state }: Group): TemplateResult =>
  icon(severity === 'ok' ? 'g-ok' : severity === 'notice' ? 'g-idle' : `g-${state}`);

/** How many findings of each kind; kinds without one are left out. */
export function summary(findings: readonly Finding[]): TemplateResult {
  return html`<div class="tk-sum">
    ${GROUPS.map((group) => {
      const { length } = ofSeverity(findings, group.severity);
      return length === 0
        ? nothing
        : html`<span class="tk-state ${group.state}"
            >${glyphOf(group)}<span
              ><b>${length}</b> ${length === 1 ? group.word : (group.many ?? group.word)}</span
            ></span
          >`;
    })}
  </div>`;
}

const OK_SHOWN = 5;

/** One card for each kind of finding that there is, the worst first. */
export function findingCards(options: {
  findings: readonly Finding[];
  atMs: number;
  nowMs: number;
  allOk: boolean;
  showAllOk: () => void;
  /** Leads to the namespace's page. */
  open: (namespace: string) => TemplateResult;
}): { troubles: TemplateResult[]; ok: TemplateResult | typeof nothing } {
  const { findings, allOk } = options;
  const troubles = GROUPS.filter(({ severity }) => severity !== 'ok').flatMap((group) => {
    const listed = ofSeverity(findings, group.severity);
    if (listed.length === 0) return [];
    return [
      html`<section class="tk-card" aria-labelledby=${group.severity}>
        <header><h2 id=${group.severity}>${group.title}</h2></header>
        <div>${listed.map((one) => trouble(one, group, options))}</div>
      </section>`,
    ];
  });
  const ok = ofSeverity(findings, 'ok');
  const group = GROUPS.find(({ severity }) => severity === 'ok');
  if (ok.length === 0 || group === undefined) return { troubles, ok: nothing };
  const shown = allOk ? ok : ok.slice(0, OK_SHOWN);
  const hidden = ok.length - shown.length;
  return {
    troubles,
    ok: html`<section class="tk-card" aria-labelledby="ok">
      <header><h2 id="ok" class="grow">Ok</h2></header>
      <div>
        ${shown.map(
          (one) =>
            html`<div class="tk-check ok">
              <span class="live">${glyphOf(group)}</span>
              <span class="s">${one.sentence}<span class="sr"> (ok)</span></span>
              <span class="w">${one.check}</span>
            </div>`,
        )}
      </div>
      ${
        hidden === 0
          ? nothing
          : html`<footer>
              <button class="link" @click=${options.showAllOk}>Show ${hidden} more</button>
            </footer>`
      }
    </section>`,
  };
}

function trouble(
  finding: Finding,
  group: Group,
  options: { atMs: number; nowMs: number; open: (namespace: string) => TemplateResult },
): TemplateResult {
  const { sentence, remedy, subject, check } = finding;
  return html`<div class="tk-check">
    <span class=${group.state}>${glyphOf(group)}</span>
    <span class="s">${sentence}<span class="sr"> (${group.word})</span></span>
    <span class="w">${check}, ${dayAndTime(options.atMs, options.nowMs)}</span>
    ${
      remedy === null && subject === 'host'
        ? nothing
        : html`<div class="r">
            ${remedy === null ? nothing : remedyText(remedy)}
            ${commandsOf(remedy).map((command) => html`<tk-command .text=${command}></tk-command>`)}
            ${subject === 'host' ? nothing : html`<p class="tiny">${options.open(subject)}</p>`}
          </div>`
    }
  </div>`;
}

export function remedyText(remedy: string): TemplateResult {
  return html`<p>
    ${remedyParts(remedy).map(({ text, code }) => (code ? html`<code>${text}</code>` : text))}
  </p>`;
}

// -- Doctor ------------------------------------------------------------------------------------------

export function viewerCard(report: DoctorReport | null, nowMs: number): TemplateResult {
  const { namespaces, rows } = pathMatrix(report?.transports ?? []);
  return html`<section class="tk-card scroll" aria-labelledby="viewer">
    <header>
      <h2 id="viewer" class="grow">As a viewer sees it</h2>
      <span class="faint tiny desk"
        >${
          report === null
            ? 'Real relays through the public address, echoed by the SFU'
            : `Run ${dayAndTime(Date.parse(report.at), nowMs)}`
        }</span
      >
    </header>
    ${
      report === null
        ? html`<p class="body small muted">
            Not tried yet. Run doctor opens a relay over udp, tcp and tls for every enabled namespace, as a
            viewer would, and counts what comes back.
          </p>`
        : namespaces.length === 0
          ? html`<p class="body small muted">
              No namespace has WebRTC on: there is no path to try. The host itself was examined.
            </p>`
          : html`<div class="wide" tabindex="0" role="region" aria-label="Paths of a viewer">
              <table class="matrix">
                <thead>
                  <tr>
                    <th scope="col">Path</th>
                    ${namespaces.map((name) => html`<th scope="col">${name}</th>`)}
                  </tr>
                </thead>
                <tbody>
                  ${rows.map(
                    ({ transport, cells }) =>
                      html`<tr>
                        <th scope="row" class="nowrap">TURN ${transport}</th>
                        ${cells.map((cell) => html`<td>${pathWord(cell)}</td>`)}
                      </tr>`,
                  )}
                </tbody>
              </table>
            </div>`
    }
  </section>`;
}

function pathWord({ state, label, detail }: PathCell): TemplateResult {
  return html`${state === 'live' ? okWord(label) : stateWord(state, label)}
    <div class="faint tiny">${detail}</div>`;
}

/** @param mayAttack null: may; else why not. */
export function attackCard(options: {
  report: DoctorReport | null;
  nowMs: number;
  refusedBecause: string | null;
  busy: boolean;
  run: () => void;
}): TemplateResult {
  const { report, nowMs, refusedBecause, busy, run } = options;
  return html`<section class="tk-card" aria-labelledby="attack">
    <header>
      <h2 id="attack" class="grow">Attack from inside</h2>
      ${report === null ? nothing : html`<span class="faint tiny desk">Run ${dayAndTime(Date.parse(report.at), nowMs)}</span>`}
      <button
        class="tk-button small"
        ?disabled=${refusedBecause !== null}
        aria-disabled=${busy}
        aria-describedby=${refusedBecause === null ? nothing : 'attack-why'}
        @click=${run}
      >
        ${icon('i-shield')}Run attack
      </button>
    </header>
    ${
      refusedBecause === null
        ? nothing
        : html`<p class="body small muted" id="attack-why">${refusedBecause}</p>`
    }
    ${
      report === null || report.attacks.length === 0
        ? html`<p class="body small muted">
            Asks each relay for every kind of address it must refuse: this host, private networks, other
            namespaces, metadata services. Each try is in the journal of refusals.
          </p>`
        : html`<div>
            ${report.attacks.map((row) => {
              const { state, label } = attackWord(row);
              return html`<div class="tk-check ${row.ok ? 'ok' : ''}">
                <span class=${state}>${icon(row.ok ? 'g-ok' : 'g-error')}</span>
                <span class="s">${row.namespace}: ${row.sentence}</span>
                <span class="w">${label}</span>
                ${
                  row.open.length === 0
                    ? nothing
                    : html`<div class="r">
                        <p>Let through:</p>
                        <ul class="mono tiny">
                          ${row.open.map((one) => html`<li>${one}</li>`)}
                        </ul>
                      </div>`
                }
              </div>`;
            })}
          </div>`
    }
  </section>`;
}

// -- Ports -------------------------------------------------------------------------------------------

export function portMapCard(map: PortMap | null, problem: string | null): TemplateResult {
  return html`<section
    class="tk-card scroll"
    aria-labelledby="ports"
    aria-busy=${map === null && problem === null}
  >
    <header>
      <h2 id="ports" class="grow">Ports</h2>
      ${
        map === null
          ? nothing
          : html`<span class="faint tiny"
              >${map.freePlaces === 1 ? '1 more namespace fits' : `${String(map.freePlaces)} more namespaces fit`}</span
            >`
      }
    </header>
    ${
      problem !== null
        ? html`<p class="body small error">${problem}</p>`
        : map === null
          ? html`<p class="body small faint">Asking for the map.</p>`
          : portTable(map)
    }
    <footer><code>turnkeep ports</code> prints the same.</footer>
  </section>`;
}

function portTable(map: PortMap): TemplateResult {
  return html`<div class="wide" tabindex="0" role="region" aria-label="Map of ports">
    <table class="matrix">
      <thead>
        <tr>
          <th scope="col">Ports</th>
          <th scope="col">Range</th>
          <th scope="col">Taken</th>
          ${map.namespaces.map(({ namespace }) => html`<th scope="col">${namespace}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${map.ranges.map(
          (range) =>
            html`<tr>
              <th scope="row" class="nowrap">${range.title}</th>
              <td class="nowrap">${range.minPort}–${range.maxPort}</td>
              <td class="nowrap">${takenText(range)}</td>
              ${map.namespaces.map(
                (one) =>
                  html`<td class="nowrap">
                    ${blockText(one.ports, range.role)}
                    ${(() => {
                      const word = listenerState(one, range.role);
                      return word === null
                        ? nothing
                        : html`<div class="tiny ${word.state}">${word.label}</div>`;
                    })()}
                  </td>`,
              )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

export const healthStyles = css`
  .headline {
    font-size: var(--tk-size-7);
    line-height: var(--tk-lead-7);
    letter-spacing: -0.02em;
    text-wrap: balance;
  }
  .matrix {
    width: 100%;
    border-collapse: collapse;
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
  }
  .matrix th,
  .matrix td {
    text-align: left;
    padding: 9px 12px;
    font-weight: var(--tk-weight);
    border-top: 1px solid var(--tk-line);
    vertical-align: top;
    --gap: var(--tk-surface);
  }
  .matrix thead th {
    color: var(--tk-text-3);
    font-size: var(--tk-size-2);
    font-weight: var(--tk-weight-medium);
    border-top: 0;
  }
  .matrix tr > :first-child {
    padding-left: 16px;
  }
  .wide {
    overflow-x: auto;
  }
  .link {
    appearance: none;
    border: 0;
    background: none;
    padding: 2px 0;
    color: var(--tk-accent);
    font: inherit;
    cursor: pointer;
  }
  .link:hover {
    text-decoration: underline;
    text-underline-offset: 3px;
  }
`;
