/** What a repair did, and the button that asks for one. Templates of plain data. */
import { html, nothing, type TemplateResult } from 'lit';
import { repairHeadline, repairRows, type RepairRun } from '../actions/repair-view.ts';
import { icon } from '../components/icon.ts';

/** Stands below the remedy of a finding that a repair mends. */
export function repairButton(options: { busy: boolean; repair: () => void }): TemplateResult {
  const { busy, repair } = options;
  return html`<p>
    <button class="tk-button small" aria-disabled=${busy} @click=${repair}>
      ${icon('i-refresh')}Repair now
    </button>
  </p>`;
}

/** Takes the focus when the finding whose button was pressed is gone: `#repair`. */
export function repairCard(run: RepairRun | null, nowMs: number): TemplateResult | typeof nothing {
  if (run === null) return nothing;
  const { title, text } = repairHeadline(run, nowMs);
  const rows = run.phase === 'done' ? repairRows(run.report) : [];
  return html`<section class="tk-card" aria-labelledby="repair" aria-busy=${run.phase === 'running'}>
    <header><h2 id="repair" tabindex="-1">Repair</h2></header>
    <div>
      <div class="tk-check">
        ${headGlyph(run)}
        <span class="s">${title}</span>
        <div class="r"><p>${text}</p></div>
      </div>
      ${rows.map(
        ({ state, sentence, word, problem }) =>
          html`<div class="tk-check">
            <span class=${state}>${icon(state === 'live' ? 'g-ok' : 'g-error')}</span>
            <span class="s">${sentence}</span>
            <span class="w">${word}</span>
            ${problem === '' ? nothing : html`<div class="r"><p>${problem}</p></div>`}
          </div>`,
      )}
    </div>
  </section>`;
}

function headGlyph(run: RepairRun): TemplateResult {
  if (run.phase === 'running') return html`<span class="connecting">${icon('g-connecting')}</span>`;
  return run.phase === 'done' && run.report.ok
    ? html`<span class="live">${icon('g-ok')}</span>`
    : html`<span class="error">${icon('g-error')}</span>`;
}
