/** A line over the last ten minutes, as SVG: the CSP allows no inline style. Scale from 0; what is not known is a gap. */
import { css, html, svg, type TemplateResult } from 'lit';
import { SPAN_MS, type Point } from '../actions/load-view.ts';

const WIDTH = 600;

/** @param label the sentence of the line; @param options.top value at the upper edge; @param options.height of 600. */
export function plot(
  label: string,
  points: readonly Point[],
  options: { nowMs: number; top: number; height: number },
): TemplateResult {
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
function lines(
  points: readonly Point[],
  { nowMs, top, height }: { nowMs: number; top: number; height: number },
): Dot[][] {
  const runs: Dot[][] = [];
  let run: Dot[] = [];
  for (const { atMs, value } of points) {
    if (value === null) {
      run = [];
      continue;
    }
    const x = ((atMs - (nowMs - SPAN_MS)) / SPAN_MS) * WIDTH;
    const y = height - 1 - Math.min(1, value / top) * (height - 2);
    const dot = { x: x.toFixed(1), y: y.toFixed(1) };
    if (run.length === 0) runs.push((run = [{ ...dot, x: (x - 1).toFixed(1) }]));
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
