/** The host and its namespaces at this moment, in words and bars. Templates of plain data. */
import { css, html, nothing, type TemplateResult } from 'lit';
import type { Namespace } from '../../../daemon/contract/api.ts';
import type { HostLoad } from '../../../daemon/contract/load.ts';
import { hostFacts, namespaceReport, type Sample } from '../actions/load-view.ts';
import { ago } from '../actions/wording.ts';
import { icon, stateWord } from '../components/icon.ts';
import { meter } from '../components/meter.ts';

/** Said beside numbers that do not come any more. */
export function freshness(oldSinceMs: number | null, nowMs: number): TemplateResult | typeof nothing {
  return oldSinceMs === null ? nothing : stateWord('connecting', `As of ${ago(oldSinceMs, nowMs)}`);
}

/** What runs now: a sentence for each namespace, and the host. */
export function nowCards(options: {
  samples: readonly Sample[];
  namespaces: readonly Namespace[];
  oldSinceMs: number | null;
  nowMs: number;
  open: (namespace: string) => TemplateResult;
}): TemplateResult {
  const { samples, namespaces, oldSinceMs, nowMs, open } = options;
  const host = samples.at(-1)?.load.host ?? null;
  return html`<section class="tk-card" aria-labelledby="now">
      <header>
        <h2 id="now" class="grow">Now</h2>
        ${freshness(oldSinceMs, nowMs)}
      </header>
      ${
        namespaces.length === 0
          ? html`<p class="body small muted">There is no namespace yet: nothing runs but the daemon.</p>`
          : html`<div>
              ${namespaces.map((one) => {
                const { state, sentence } = namespaceReport(samples, one);
                return html`<div class="tk-check ok">
                  ${
                    oldSinceMs === null
                      ? html`<span class=${state}>${icon(state === 'live' ? 'g-ok' : `g-${state}`)}</span>`
                      : html`<span class="unknown">${icon('g-unknown')}</span>`
                  }
                  <span class="s">${open(one.name)}: ${sentence}</span>
                </div>`;
              })}
            </div>`
      }
    </section>
    ${hostCard(host, nowMs)}`;
}

export function hostCard(host: HostLoad | null, nowMs: number): TemplateResult {
  return html`<section class="tk-card" aria-labelledby="host">
    <header>
      <h2 id="host" class="grow">Host</h2>
      <span class="faint tiny">${host?.name ?? ''}</span>
    </header>
    <div class="body facts">
      ${
        host === null
          ? html`<p class="small faint">Asking the host.</p>`
          : hostFacts(host, nowMs).map(
              ({ title, text, ratio }) =>
                html`<div>
                  <div class="k">${title}</div>
                  <div class="v">${text}</div>
                  ${ratio === null ? nothing : meter(title, ratio, text)}
                </div>`,
            )
      }
    </div>
  </section>`;
}

export const loadCardStyles = css`
  .facts {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(170px, 1fr));
    gap: 14px 24px;
    min-height: 76px;
  }
  .facts .tk-meter {
    display: block;
    margin-top: 6px;
  }
`;
