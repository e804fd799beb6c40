/** The tables of Metrics: each service with its CPU and memory, what was dropped. Templates of plain data. */
import { css, html, type TemplateResult } from 'lit';
import {
  cpuText,
  dropRows,
  newest,
  scaleTop,
  serviceRows,
  type Point,
  type Sample,
} from '../actions/load-view.ts';
import { bytes } from '../actions/turn-view.ts';
import { grouped } from '../actions/wording.ts';
import { okWord, stateWord } from '../components/icon.ts';
import { plot } from '../components/plot.ts';

export type Now = {
  samples: readonly Sample[];
  namespace: string | null;
  nowMs: number;
  spanMs: number;
  /** What is known is not of now. */
  old: boolean;
};

/** A card with a table, or with a sentence while there is no row. */
function tableCard(card: {
  id: string;
  title: string;
  about: string;
  /** The last one goes over the figure and its line. */
  columns: readonly { title: string; num?: boolean; span?: number }[];
  rows: readonly TemplateResult[];
  empty: string;
}): TemplateResult {
  const { id, title, about, columns, rows, empty } = card;
  return html`<section class="tk-card" aria-labelledby=${id}>
    <header>
      <h2 id=${id} class="grow">${title}</h2>
      <span class="faint tiny desk">${about}</span>
    </header>
    ${
      rows.length === 0
        ? html`<p class="body small muted">${empty}</p>`
        : html`<table class="tk-table">
            <thead>
              <tr>
                ${columns.map(
                  (one) =>
                    html`<th scope="col" class=${one.num === true ? 'num' : ''} colspan=${one.span ?? 1}>
                      ${one.title}
                    </th>`,
                )}
              </tr>
            </thead>
            <tbody>
              ${rows}
            </tbody>
          </table>`
    }
  </section>`;
}

/** A figure, and its line on a desk. */
function figure(
  { nowMs, spanMs }: Now,
  one: { name: string; of: string; text: string; points: readonly Point[]; floor: number },
): TemplateResult {
  const { name, of, text, points, floor } = one;
  return html`<td class="num nowrap figure"><span class="phone-only faint">${name} </span>${text}</td>
    <td class="spark low">
      ${plot(`${name} of ${of}: ${text}`, points, { nowMs, spanMs, top: scaleTop(points, floor), height: 100 })}
    </td>`;
}

export function servicesCard(now: Now): TemplateResult {
  const { samples, namespace: wanted } = now;
  const rows = serviceRows(samples, wanted).map(({ namespace, service, answers, cpu, memory }) => {
    const of = `${service === 'turn' ? 'TURN' : 'SFU'} of ${namespace}`;
    const rss = newest(memory);
    const state = now.old
      ? stateWord('unknown', 'Not known')
      : answers
        ? okWord('Answers')
        : stateWord('error', 'No answer');
    return html`<tr>
      <th scope="row"><code class="small">turnkeep-${service}@${namespace}</code></th>
      <td>${state}</td>
      ${figure(now, { name: 'CPU', of, text: cpuText(newest(cpu)), points: cpu, floor: 5 })}
      ${figure(now, { name: 'Memory', of, text: rss === null ? '–' : bytes(rss), points: memory, floor: 1e8 })}
    </tr>`;
  });
  return tableCard({
    id: 'services',
    title: 'Services',
    about: 'CPU in percent of one processor',
    columns: [
      { title: 'Service' },
      { title: 'State' },
      { title: 'CPU', span: 2 },
      { title: 'Memory', span: 2 },
    ],
    rows,
    empty: samples.length === 0 ? 'Asking the services.' : 'No service runs: WebRTC is off.',
  });
}

export function dropsCard(now: Now): TemplateResult {
  const { samples, namespace } = now;
  const rows = dropRows(samples, namespace).map(({ service, text, total, points }) => {
    const rate = newest(points);
    const told = rate === null ? '–' : `${rate < 10 && rate > 0 ? rate.toFixed(1) : grouped(rate)} per s`;
    return html`<tr>
      <th scope="row">${text}</th>
      <td class="muted">${service === 'turn' ? 'TURN' : 'SFU'}</td>
      <td class="num nowrap">${grouped(total)}<span class="phone-only faint"> packets</span></td>
      ${figure(now, { name: 'Now', of: text, text: told, points, floor: 1 })}
    </tr>`;
  });
  return tableCard({
    id: 'drops',
    title: 'Dropped packets',
    about: 'By reason, since each service started',
    columns: [
      { title: 'Reason' },
      { title: 'Service' },
      { title: 'Packets', num: true },
      { title: 'Now', span: 2 },
    ],
    rows,
    empty: samples.length === 0 ? 'Asking the services.' : 'Nothing was dropped.',
  });
}

export const metricsTableStyles = css`
  .spark {
    width: 150px;
  }
  .spark .plot {
    height: 26px;
  }
  .figure {
    width: 1%;
  }
  @media (max-width: 639px) {
    .tk-table td.num {
      text-align: left;
    }
    .figure {
      width: auto;
    }
  }
`;
