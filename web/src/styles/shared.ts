/** The blocks every shadow root uses: type, buttons, fields, states, cards, tables, notices. From the drawn design. */
import { css, type CSSResultGroup } from 'lit';
import { controls } from './controls.ts';

const text = css`
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
  .muted {
    color: var(--tk-text-2);
  }
  .faint {
    color: var(--tk-text-3);
  }
  .small {
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
  }
  .tiny {
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
  }
  .strong {
    font-weight: var(--tk-weight-strong);
  }
  .medium {
    font-weight: var(--tk-weight-medium);
  }
  .nowrap {
    white-space: nowrap;
  }
  .row {
    display: flex;
    align-items: center;
    gap: var(--tk-3);
    min-width: 0;
  }
  .row.wrap {
    flex-wrap: wrap;
  }
  .row.close {
    gap: 2px;
  }
  .grow {
    flex: 1;
    min-width: 0;
  }
  .cut {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    min-width: 0;
  }
  .stack {
    display: grid;
    gap: var(--tk-5);
    align-content: start;
  }
  .stack.tight {
    gap: var(--tk-3);
  }
  .stack.wide {
    gap: var(--tk-7);
  }
  .sr {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .live {
    color: var(--tk-live);
  }
  .connecting {
    color: var(--tk-connecting);
  }
  .idle,
  .paused {
    color: var(--tk-idle);
  }
  .offline {
    color: var(--tk-offline);
  }
  .degraded {
    color: var(--tk-degraded);
  }
  .error {
    color: var(--tk-error);
  }
  .unknown {
    color: var(--tk-unknown);
  }
  .connecting > .g,
  .g.spin {
    animation: tk-turn var(--tk-spin) linear infinite;
  }
  @keyframes tk-turn {
    to {
      transform: rotate(1turn);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .connecting > .g,
    .g.spin {
      animation: none;
    }
  }
  kbd {
    border: 1px solid var(--tk-line-strong);
    border-bottom-width: 2px;
    border-radius: 4px;
    padding: 0 5px;
    font-size: var(--tk-size-1);
    line-height: 16px;
    color: var(--tk-text-2);
    background: var(--tk-surface);
  }
  .tk-state {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    white-space: nowrap;
    font-weight: var(--tk-weight-medium);
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
  }
  .tk-state.chip {
    height: 24px;
    padding: 0 9px 0 7px;
    border-radius: var(--tk-radius-round);
    font-size: var(--tk-size-2);
  }
  .tk-state.chip.live {
    background: var(--tk-live-bg);
    --gap: var(--tk-live-bg);
  }
  .tk-state.chip.connecting {
    background: var(--tk-connecting-bg);
    --gap: var(--tk-connecting-bg);
  }
  .tk-state.chip.idle,
  .tk-state.chip.paused {
    background: var(--tk-idle-bg);
    --gap: var(--tk-idle-bg);
  }
  .tk-state.chip.offline {
    background: var(--tk-offline-bg);
    --gap: var(--tk-offline-bg);
  }
  .tk-state.chip.degraded {
    background: var(--tk-degraded-bg);
    --gap: var(--tk-degraded-bg);
  }
  .tk-state.chip.error {
    background: var(--tk-error-bg);
    --gap: var(--tk-error-bg);
  }
  .tk-state.chip.unknown {
    background: var(--tk-unknown-bg);
    --gap: var(--tk-unknown-bg);
  }
  .tk-avatar {
    width: 20px;
    height: 20px;
    border-radius: 50%;
    background: var(--tk-selected);
    color: var(--tk-text);
    font-size: 10px;
    line-height: 20px;
    text-align: center;
    font-weight: var(--tk-weight-strong);
    flex: none;
    margin: 0 -2px;
  }
  .tk-avatar.large {
    width: 26px;
    height: 26px;
    line-height: 26px;
    margin: 0;
  }
  .tk-empty {
    display: grid;
    justify-items: center;
    text-align: center;
    gap: 6px;
    padding: 48px 24px;
    max-width: 460px;
    margin: auto;
  }
  .tk-empty .art {
    width: 120px;
    height: 68px;
    margin-bottom: 10px;
    color: var(--tk-text-3);
  }
  .tk-empty p {
    color: var(--tk-text-2);
  }
  .tk-empty .row {
    margin-top: 14px;
    justify-content: center;
    flex-wrap: wrap;
  }
  .tk-hint {
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
    color: var(--tk-text-3);
  }
  .tk-hint.bad {
    color: var(--tk-error);
    display: flex;
    gap: 6px;
    align-items: center;
    --gap: var(--tk-canvas);
  }
  .phone-only {
    display: none !important;
  }
  @media (max-width: 639px) {
    .desk {
      display: none !important;
    }
    .phone-only {
      display: revert !important;
    }
    .tk-button.phone-only {
      display: inline-flex !important;
    }
  }
`;

/** Every shadow root begins with this. */
export const base: CSSResultGroup = [text, controls];

/** A page: header, notice slot, content. */
export const page = css`
  :host {
    display: flex;
    flex-direction: column;
    flex: 1;
    min-width: 0;
    min-height: 100%;
  }
  .tk-header {
    position: sticky;
    top: 0;
    z-index: var(--tk-z-sticky);
    display: flex;
    align-items: center;
    gap: var(--tk-4);
    min-height: var(--tk-header);
    padding: 8px var(--tk-7);
    background: var(--tk-canvas);
    border-bottom: 1px solid var(--tk-line);
    --gap: var(--tk-canvas);
  }
  :host([rail]) .tk-header {
    padding-inline: var(--tk-5);
  }
  .tk-header h1 {
    font-size: var(--tk-size-5);
    line-height: var(--tk-lead-5);
    white-space: nowrap;
  }
  main {
    flex: 1;
    min-width: 0;
    display: flex;
    flex-direction: column;
  }
  .tk-page {
    width: 100%;
    max-width: var(--tk-page);
    margin: 0 auto;
    padding: var(--tk-7) var(--tk-7) var(--tk-9);
    display: grid;
    gap: var(--tk-7);
    align-content: start;
  }
  .tk-crumb {
    color: var(--tk-text-3);
    font-size: var(--tk-size-3);
    display: flex;
    align-items: center;
    gap: 6px;
    white-space: nowrap;
  }
  .tk-crumb a {
    color: var(--tk-text-2);
  }
  @media (max-width: 639px) {
    .tk-header,
    :host([rail]) .tk-header {
      padding: 4px 12px;
      gap: 6px;
      flex-wrap: wrap;
    }
    .tk-header .tk-crumb {
      display: none;
    }
    .tk-page {
      padding: 16px 12px 32px;
      gap: 16px;
    }
  }
`;

export const card = css`
  .tk-card {
    background: var(--tk-surface);
    border: 1px solid var(--tk-line);
    border-radius: var(--tk-radius-card);
    min-width: 0;
  }
  .tk-card > header {
    display: flex;
    align-items: center;
    gap: var(--tk-3);
    padding: 12px 16px;
    border-bottom: 1px solid var(--tk-line);
    min-height: 49px;
  }
  .tk-card > header h2 {
    font-size: var(--tk-size-4);
    line-height: var(--tk-lead-4);
  }
  .tk-card > .body {
    padding: 16px;
  }
  .tk-card > footer {
    padding: 10px 16px;
    border-top: 1px solid var(--tk-line);
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
    color: var(--tk-text-3);
  }
  .tk-facts {
    display: grid;
    grid-template-columns: max-content minmax(0, 1fr);
    gap: 6px 16px;
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
  }
  .tk-facts dt {
    color: var(--tk-text-3);
  }
  .tk-facts dd {
    min-width: 0;
    overflow-wrap: anywhere;
  }
`;

export const field = css`
  .tk-field {
    display: grid;
    gap: 6px;
  }
  .tk-field > label:not(.tk-choice),
  .tk-field > legend,
  .tk-field > .label {
    font-size: var(--tk-size-3);
    font-weight: var(--tk-weight-medium);
    padding: 0;
  }
  .tk-input {
    height: calc(var(--tk-control) + 4px);
    width: 100%;
    padding: 0 11px;
    border-radius: var(--tk-radius-control);
    border: 1px solid var(--tk-line-strong);
    background: var(--tk-surface);
    color: var(--tk-text);
    font: inherit;
  }
  .tk-input::placeholder {
    color: var(--tk-text-3);
    opacity: 1;
  }
  .tk-input[aria-invalid='true'] {
    border-color: var(--tk-error);
    box-shadow: inset 0 0 0 1px var(--tk-error);
  }
  .tk-input[aria-invalid='true']:focus-visible {
    box-shadow: var(--tk-ring);
  }
  @media (max-width: 639px) {
    .tk-input {
      font-size: var(--tk-size-5);
    }
  }
`;
