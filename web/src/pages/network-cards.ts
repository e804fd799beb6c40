/** Cards of how a namespace is reached: DNS records, firewall rules, the certificate. Templates of plain data. */
import { css, html, nothing, type TemplateResult } from 'lit';
import type { Word } from '../actions/namespace-view.ts';
import type { CertificateFacts, Outside } from '../actions/network-view.ts';
import { counted } from '../actions/wording.ts';
import { icon, okWord, stateWord } from '../components/icon.ts';
import '../components/tk-command.ts';

export function wordOf({ state, label }: Word): TemplateResult {
  return state === 'live' ? okWord(label) : stateWord(state, label);
}

/** One cell of the row of probes. */
export function outsideCell(
  title: string,
  outside: Outside | null,
  what: string,
): TemplateResult | typeof nothing {
  if (outside === null) return nothing;
  return html`<div>
    <div class="k">${title}</div>
    ${wordOf(outside.word)}
    <div class="v">${outside.lines.length === 0 ? nothing : counted(outside.lines.length, what)}</div>
  </div>`;
}

/** @param id of the title on its page. */
export function outsideCard(
  id: string,
  title: string,
  outside: Outside | null,
): TemplateResult | typeof nothing {
  if (outside === null) return nothing;
  const { word, sentence, lines, byHand, problem } = outside;
  return html`<section class="tk-card" aria-labelledby=${id}>
    <header>
      <h2 id=${id} class="grow">${title}</h2>
      ${wordOf(word)}
    </header>
    <div class="body stack tight small">
      <p class="muted">${sentence}</p>
      ${
        lines.length === 0
          ? nothing
          : byHand
            ? html`<tk-command .text=${lines.join('\n')}></tk-command>`
            : html`<ul class="mono tiny records">
                ${lines.map((line) => html`<li>${line}</li>`)}
              </ul>`
      }
      ${problem === '' ? nothing : html`<p class="error">${problem}</p>`}
    </div>
  </section>`;
}

export function certificateCard(options: {
  facts: CertificateFacts;
  /** Null: who looks may not, or nobody can. */
  renew: (() => void) | null;
  busy: boolean;
}): TemplateResult {
  const { facts, renew, busy } = options;
  return html`<section class="tk-card" aria-labelledby="certificate">
    <header>
      <h2 id="certificate" class="grow">Certificate</h2>
      ${wordOf(facts.word)}
      ${
        renew === null
          ? nothing
          : html`<button class="tk-button small" aria-disabled=${busy} @click=${renew}>
              ${icon('i-refresh')}Renew now
            </button>`
      }
    </header>
    <div class="body stack tight small">
      <dl class="tk-facts">
        ${facts.lines.map(
          ({ title, text }) =>
            html`<dt>${title}</dt>
              <dd>${text}</dd>`,
        )}
      </dl>
      ${facts.problem === '' ? nothing : html`<p class="error">${facts.problem}</p>`}
    </div>
  </section>`;
}

export const networkStyles = css`
  .records {
    display: grid;
    gap: 2px;
    overflow-wrap: anywhere;
    color: var(--tk-text-2);
  }
  .tk-card .error {
    overflow-wrap: anywhere;
  }
`;
