/** A line over the last minutes, as SVG: the CSP allows no inline style. Scale from 0; what is not known is a gap. */
import { css, html, svg, type TemplateResult } from 'lit';
import type { Point } from '../actions/load-view.ts';

const WIDTH = 600;

export type PlotOptions = {
  nowMs: number;
  /** How far back the left edge is. */
  spanMs: number;
  /** Value at the upper edge. */
  top: number;
  /** Of 600. */
  height: number;
};

/** @param label the sentence of the line. */
export function plot(label: string, points: readonly Point[], options: PlotOptions): TemplateResult {
  const { height } = options;
  const runs = lines(points, options);
  return html`<svg
    class="plot"
    viewBox="0 0 ${WIDTH} ${height}"
    preserveAspectRatio="none"
    role="img"
    aria-label=${label}
  >
    ${runs.map(
      (run) =>
        svg`<path class="area" d=${`M${run[0]?.x ?? '0'} ${String(height)}L${run.map(({ x, y }) => `${x} ${y}`).join('L')}L${run.at(-1)?.x ?? '0'} ${String(height)}Z`}></path>
          <path class="line" d=${`M${run.map(({ x, y }) => `${x} ${y}`).join('L')}`}></path>`,
    )}
  </svg>`;
}

type Dot = { x: string; y: string };

/** Runs of neighbours that are known; a single one is drawn as a short stroke. */
function lines(points: readonly Point[], { nowMs, spanMs, top, height }: PlotOptions): Dot[][] {
  const runs: Dot[][] = [];
  let run: Dot[] = [];
  for (const { atMs, value } of points) {
    if (value === null) {
      run = [];
      continue;
    }
    const x = ((atMs - (nowMs - spanMs)) / spanMs) * WIDTH;
    const y = height - 1 - Math.min(1, value / top) * (height - 2);
    const dot = { x: x.toFixed(1), y: y.toFixed(1) };
    if (run.length === 0) runs.push((run = [{ ...dot, x: (x - 3).toFixed(1) }]));
    run.push(dot);
  }
  return runs;
}

export const plotStyles = css`
  .plot {
    width: 100%;
    overflow: hidden;
  }
  .plot .line {
    fill: none;
    stroke: var(--tk-text-2);
    stroke-width: 1.5;
    stroke-linejoin: round;
    vector-effect: non-scaling-stroke;
  }
  .plot .area {
    fill: var(--tk-hover);
    stroke: none;
  }
  @media (forced-colors: active) {
    .plot .line {
      stroke: CanvasText;
    }
  }
`;
