/** Figures over the picture: level 1 the first seven, level 2 all. What the browser does not give is a dash. */
import { css, html, LitElement, nothing, svg, type TemplateResult } from 'lit';
import { pathText, type StatsSample } from '../actions/statistics.ts';
import { bitRate, grouped, milliseconds, percent } from '../actions/wording.ts';
import { base } from '../styles/base.ts';
import { icon } from './icon.ts';

export type StatsLevel = 0 | 1 | 2;
const PLOT = { width: 234, height: 34 };

export class TkStats extends LitElement {
  static override properties = { sample: { attribute: false }, level: { attribute: false } };
  declare sample: StatsSample | null;
  declare level: StatsLevel;

  constructor() {
    super();
    this.sample = null;
    this.level = 1;
  }

  protected override render(): unknown {
    const { sample } = this;
    return html`<div class="tk-stats" role="group" aria-label="Statistics">
      <dl>${rows(firstRows(sample))}</dl>
      ${plot(sample?.bitRates ?? [])}
      <dl>${rows(secondRows(sample))}</dl>
      ${
        this.level === 2
          ? html`<hr />
              <dl>${rows(moreRows(sample))}</dl>
              <hr />
              <dl>${rows([pathRow(sample)])}</dl>`
          : nothing
      }
    </div>`;
  }

  static override styles = [
    base,
    css`
      :host {
        display: block;
      }
      .tk-stats {
        width: 258px;
        padding: 10px 12px;
        border-radius: 8px;
        background: rgb(8 10 14 / 0.82);
        color: #fff;
        font-size: var(--tk-size-2);
        line-height: var(--tk-lead-2);
      }
      dl {
        display: grid;
        grid-template-columns: max-content 1fr;
        gap: 2px 14px;
      }
      dt {
        color: var(--tk-on-picture-2);
      }
      dd {
        text-align: right;
        font-weight: var(--tk-weight-medium);
        white-space: nowrap;
      }
      dd.bad {
        color: var(--tk-error);
        display: flex;
        gap: 5px;
        justify-content: flex-end;
        align-items: center;
      }
      .spark {
        height: 34px;
        width: 100%;
        margin: 6px 0 2px;
      }
      hr {
        border: 0;
        border-top: 1px solid rgb(255 255 255 / 0.16);
        margin: 7px 0;
      }
    `,
  ];
}
customElements.define('tk-stats', TkStats);

/** A figure with its name; `value` null: this browser does not give it. */
export type FigureRow = { name: string; value: string | null; bad?: boolean; missing?: string };

/** Words for a figure, or null when there is none. */
function worded(value: number | null | undefined, words: (value: number) => string): string | null {
  return value === null || value === undefined ? null : words(value);
}

export function firstRows(sample: StatsSample | null): FigureRow[] {
  const height = sample?.height ?? null;
  return [
    { name: 'Video', value: sample?.codec ?? null },
    {
      name: 'Picture',
      value:
        height === null ? null : worded(sample?.width, (width) => `${String(width)} × ${String(height)}`),
    },
    { name: 'Frame rate', value: worded(sample?.framesPerSecond, (fps) => `${String(Math.round(fps))} fps`) },
    { name: 'Bitrate', value: worded(sample?.bitsPerSecond, (bits) => bitRate(bits, 2)) },
  ];
}

export function secondRows(sample: StatsSample | null): FigureRow[] {
  const resent = worded(sample?.resent, (count) => `, ${grouped(Math.max(0, count))} resent`) ?? '';
  return [
    { name: 'Round trip', value: worded(sample?.roundTripMs, milliseconds) },
    { name: 'Loss, 10 s', value: worded(sample?.loss, (loss) => percent(loss) + resent) },
    { name: 'Camera to eye', value: null, missing: 'The camera sends no capture times.' },
  ];
}

export function moreRows(sample: StatsSample | null): FigureRow[] {
  const dropped = worded(sample?.framesDropped, grouped) ?? '–';
  return [
    { name: 'Jitter buffer', value: worded(sample?.jitterBufferMs, milliseconds) },
    {
      name: 'Decoded / dropped',
      value: worded(sample?.framesDecoded, (count) => `${grouped(count)} / ${dropped}`),
    },
    { name: 'Freezes, 1 min', value: worded(sample?.freezesPerMinute, grouped) },
  ];
}

/** A path that is not a relay is a failed check. */
export function pathRow(sample: StatsSample | null): FigureRow {
  const path = sample?.path ?? null;
  return {
    name: 'Path',
    value: path === null ? null : pathText(path),
    bad: path !== null && path.candidateType !== 'relay',
  };
}

/** Names and values as `dt` and `dd`. */
export function rows(figures: FigureRow[]): TemplateResult[] {
  return figures.map(({ name, value, bad, missing }) =>
    value === null
      ? html`<dt>${name}</dt>
          <dd title=${missing ?? 'This browser does not give this figure yet.'}>–</dd>`
      : html`<dt>${name}</dt>
          <dd class=${bad === true ? 'bad' : ''}>${bad === true ? icon('g-error') : nothing}${value}</dd>`,
  );
}

/** Bit rates of the last minute, from 0. */
function plot(values: number[]): TemplateResult {
  const most = Math.max(...values, 1);
  const least = Math.min(...values, most);
  const step = PLOT.width / 59;
  const points = values.map((value, index) => {
    const x = PLOT.width - (values.length - 1 - index) * step;
    const y = PLOT.height - 1 - (value / most) * (PLOT.height - 4);
    return `${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  const label =
    values.length === 0
      ? 'No bitrate yet'
      : `Bitrate over the last ${String(values.length)} values, between ${bitRate(least)} and ${bitRate(most)}`;
  return html`<svg
    class="spark"
    viewBox="0 0 ${PLOT.width} ${PLOT.height}"
    preserveAspectRatio="none"
    role="img"
    aria-label=${label}
  >
    <path d="M0 33.5H234" stroke="#fff" stroke-opacity=".2" />
    ${
      points.length < 2
        ? nothing
        : svg`<path d=${`M${points.join(' ')}`} fill="none" stroke="#93a5ff" stroke-width="1.5" />`
    }
  </svg>`;
}
