/** What the doctor found: the paths of a viewer, the attack from inside. Templates of plain data. */
import { html, nothing, type TemplateResult } from 'lit';
import type { DoctorReport } from '../../../daemon/contract/diagnosis.ts';
import { attackWord, pathMatrix, type PathCell } from '../actions/health-view.ts';
import { dayAndTime } from '../actions/wording.ts';
import { icon, okWord, stateWord } from '../components/icon.ts';

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
            Not tried yet. Run doctor opens a relay over udp, tcp, tls and dtls for every enabled namespace,
            as a viewer would, and counts what comes back.
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
