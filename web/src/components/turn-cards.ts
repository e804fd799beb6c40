/** What a TURN service counts and refuses, as cards. Plain data in, templates out. */
import { css, html, nothing, type TemplateResult } from 'lit';
import type { TurnOperationsStatus, TurnRefusal } from '../../../daemon/contract/turn-operations.ts';
import { bytes, drops, limitText, sortedLimits, type Limit } from '../actions/turn-view.ts';
import { ago, clock, counted, grouped } from '../actions/wording.ts';
import { meter, meterStyles } from './meter.ts';

const MAX_REFUSALS = 20;

const packets = (count: number): string => `${grouped(count)} ${count === 1 ? 'packet' : 'packets'}`;

export function refusalsCard(
  refusals: readonly TurnRefusal[],
  counters: Readonly<Record<string, number>>,
  nowMs: number,
): TemplateResult {
  const counted = Object.entries(counters)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  return html`<section class="tk-card" aria-labelledby="refusals">
    <header><h2 id="refusals" class="grow">Last refusals</h2></header>
    ${
      refusals.length === 0
        ? html`<p class="body small muted">Nothing was refused since the service started.</p>`
        : html`<ul class="refusals">
            ${refusals.slice(0, MAX_REFUSALS).map((one) => refusal(one, nowMs))}
          </ul>`
    }
    ${
      counted.length === 0
        ? nothing
        : html`<footer>
            Since the service started:
            ${counted.map(([name, count]) => `${name} ${grouped(count)}`).join(', ')}. A first 401 of each
            session is how TURN asks for the password.
          </footer>`
    }
  </section>`;
}

function refusal(one: TurnRefusal, nowMs: number): TemplateResult {
  const sentence = one.sentence.charAt(0).toUpperCase() + one.sentence.slice(1);
  return html`<li>
    <span class="what">${sentence}.</span>
    <time class="faint tiny nowrap" title=${ago(one.atMs, nowMs)}>${clock(one.atMs)}</time>
    <span class="who faint tiny"
      >${one.method} ${one.code}, <span class="mono">${one.client}</span>${
        one.username === null ? nothing : html`, ${one.username}`
      }</span
    >
  </li>`;
}

export function trafficCard(status: TurnOperationsStatus): TemplateResult {
  const { relayed } = status;
  const dropped = drops(status);
  return html`<section class="tk-card" aria-labelledby="traffic">
    <header><h2 id="traffic">Traffic and drops</h2></header>
    <div class="body stack tight">
      <dl class="tk-facts">
        <dt>To peers</dt>
        <dd>${bytes(relayed.toPeerBytes)}, ${packets(relayed.toPeerPackets)}</dd>
        <dt>To clients</dt>
        <dd>${bytes(relayed.toClientBytes)}, ${packets(relayed.toClientPackets)}</dd>
        <dt>Connections</dt>
        <dd>${grouped(status.connections)} over tcp, tls and dtls</dd>
      </dl>
      ${
        dropped.length === 0
          ? html`<p class="tk-hint">No packet was dropped, by the service or by the kernel.</p>`
          : html`<dl class="drops">
              ${dropped.map(
                ({ text, count, reason }) =>
                  html`<dt title=${reason}>${text}</dt>
                    <dd>${grouped(count)}</dd>`,
              )}
            </dl>`
      }
    </div>
    <footer>Counted since the service started.</footer>
  </section>`;
}

/** Those that are full to some part, or refused somebody, at once; the others behind a line. */
export function limitsCard(limits: readonly Limit[]): TemplateResult {
  const isMeasured = ({ used, refused }: Limit): boolean => used !== undefined || refused > 0;
  const sorted = sortedLimits(limits);
  const measured = sorted.filter(isMeasured);
  const fixed = sorted.filter((one) => !isMeasured(one));
  return html`<section class="tk-card" aria-labelledby="limits">
    <header><h2 id="limits">Limits</h2></header>
    ${
      limits.length === 0
        ? html`<p class="body small muted">The service names no limits.</p>`
        : html`<ul class="body tk-res">
              ${measured.map(limit)}
            </ul>
            ${
              fixed.length === 0
                ? nothing
                : html`<details class="body">
                    <summary class="small">
                      ${counted(fixed.length, 'more limit')}: for each session, subject and source, and times
                    </summary>
                    <ul class="tk-res">
                      ${fixed.map(limit)}
                    </ul>
                  </details>`
            }`
    }
    <footer>
      Set in the configuration under <code>turn.limits</code>. A full one refuses with its name.
    </footer>
  </section>`;
}

function limit({ name, limit, used, refused }: Limit): TemplateResult {
  const text = limitText(name);
  const words = used === undefined ? `at most ${grouped(limit)}` : `${grouped(used)} of ${grouped(limit)}`;
  return html`<li>
    <span title=${name}>${text}</span>
    ${used === undefined ? html`<span class="none"></span>` : meter(text, limit === 0 ? 1 : used / limit, words)}
    <b>${words}${refused === 0 ? nothing : html`, <span class="error">${grouped(refused)} refused</span>`}</b>
  </li>`;
}

export const turnCardStyles = [
  meterStyles,
  css`
    .refusals li {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 0 12px;
      padding: 9px 16px;
      border-bottom: 1px solid var(--tk-line);
      font-size: var(--tk-size-3);
      line-height: var(--tk-lead-3);
    }
    .refusals li:last-child {
      border-bottom: 0;
    }
    .refusals {
      max-height: 420px;
      overflow-y: auto;
    }
    .refusals .what,
    .refusals .who {
      overflow-wrap: anywhere;
    }
    .refusals .who {
      grid-column: 1 / -1;
    }
    .drops {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 4px 16px;
      padding-top: 10px;
      border-top: 1px solid var(--tk-line);
      font-size: var(--tk-size-2);
      line-height: var(--tk-lead-2);
      color: var(--tk-text-2);
    }
    .drops dd {
      text-align: right;
      color: var(--tk-text);
    }
    .tk-res {
      display: grid;
      grid-template-columns: minmax(0, 1.4fr) minmax(60px, 1fr) auto;
      gap: 6px 12px;
      font-size: var(--tk-size-2);
      line-height: var(--tk-lead-2);
      color: var(--tk-text-2);
    }
    .tk-res li {
      display: grid;
      grid-column: 1 / -1;
      grid-template-columns: subgrid;
      align-items: center;
    }
    details {
      border-top: 1px solid var(--tk-line);
    }
    summary {
      cursor: pointer;
      color: var(--tk-text-2);
    }
    details[open] summary {
      margin-bottom: 10px;
    }
    .tk-res b {
      color: var(--tk-text);
      font-weight: var(--tk-weight-medium);
      text-align: right;
    }
    @media (max-width: 639px) {
      .tk-res {
        grid-template-columns: minmax(0, 1fr) auto;
      }
      .tk-res .tk-meter {
        grid-area: 2 / 1 / auto / -1;
      }
      .tk-res .none {
        display: none;
      }
    }
  `,
];
