/** A bar with words beside it. Drawn as SVG: the CSP allows no inline style. */
import { css, html, type TemplateResult } from 'lit';

/** @param ratio 0 to 1; from 0.9 on it warns. */
export function meter(label: string, ratio: number, words: string): TemplateResult {
  const width = Math.max(0, Math.min(1, Number.isFinite(ratio) ? ratio : 0)) * 100;
  return html`<span
    class="tk-meter ${ratio >= 0.9 ? 'warn' : ''}"
    role="meter"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${Math.round(width)}
    aria-valuetext=${words}
    ><svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect width=${width} height="6"></rect></svg
  ></span>`;
}

export const meterStyles = css`
  .tk-meter {
    height: 6px;
    border-radius: 3px;
    background: var(--tk-hover);
    overflow: hidden;
    min-width: 60px;
  }
  .tk-meter svg {
    width: 100%;
    height: 6px;
  }
  .tk-meter rect {
    fill: var(--tk-text-2);
  }
  .tk-meter.warn rect {
    fill: var(--tk-degraded);
  }
`;
