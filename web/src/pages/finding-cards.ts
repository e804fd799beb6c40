/** What the inspection found, the worst first: sentence, remedy, command. Templates of plain data. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Finding } from '../../../daemon/contract/diagnosis.ts';
import { commandsOf, GROUPS, ofSeverity, remedyParts } from '../actions/health-view.ts';
import { isRepairable } from '../actions/repair-view.ts';
import { dayAndTime } from '../actions/wording.ts';
import { icon } from '../components/icon.ts';
import '../components/tk-command.ts';
import { repairButton } from './repair-card.ts';

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
  /** Something is under way: a repair waits. */
  busy: boolean;
  repair: () => void;
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
  options: {
    atMs: number;
    nowMs: number;
    open: (namespace: string) => TemplateResult;
    busy: boolean;
    repair: () => void;
  },
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
            ${isRepairable(finding) ? repairButton(options) : nothing}
            ${subject === 'host' ? nothing : html`<p class="tiny">${options.open(subject)}</p>`}
          </div>`
    }
  </div>`;
}

function remedyText(remedy: string): TemplateResult {
  return html`<p>
    ${remedyParts(remedy).map(({ text, code }) => (code ? html`<code>${text}</code>` : text))}
  </p>`;
}
