/** Elements before any class: type, lists, links, icons, where the focus is. */
import { css } from 'lit';

export const reset = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  h1,
  h2,
  h3,
  p,
  ul,
  ol,
  dl,
  dd,
  figure,
  fieldset {
    margin: 0;
    padding: 0;
    border: 0;
    min-width: 0;
  }
  ul,
  ol {
    list-style: none;
  }
  h1 {
    font-size: var(--tk-size-6);
    line-height: var(--tk-lead-6);
    font-weight: var(--tk-weight-strong);
    letter-spacing: -0.012em;
  }
  h2 {
    font-size: var(--tk-size-5);
    line-height: var(--tk-lead-5);
    font-weight: var(--tk-weight-strong);
    letter-spacing: -0.006em;
  }
  h3 {
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
    font-weight: var(--tk-weight-strong);
  }
  a {
    color: var(--tk-accent);
    text-decoration: none;
  }
  a:hover {
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  p a,
  .tk-hint a {
    text-decoration: underline;
    text-underline-offset: 3px;
    text-decoration-thickness: 1px;
  }
  code,
  kbd,
  .mono {
    font-family: var(--tk-mono);
    font-size: 0.92em;
    font-feature-settings: 'liga' 0;
  }
  svg,
  video {
    display: block;
  }
  .i {
    width: 16px;
    height: 16px;
    flex: none;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.5;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .g {
    width: 12px;
    height: 12px;
    flex: none;
  }
  .glyph {
    display: flex;
    flex: none;
  }
  :focus-visible {
    outline: none;
    box-shadow: var(--tk-ring);
  }
  /* Where the focus is put, not where somebody went with it. */
  [tabindex='-1']:focus {
    outline: none;
    box-shadow: none;
  }
  @media (forced-colors: active) {
    :focus-visible {
      outline: 2px solid Highlight;
      outline-offset: 2px;
    }
  }
`;
