/** How the wall's header and filters look. */
import { css } from 'lit';

export const wallPageStyles = css`
  :host {
    flex: none;
    height: 100vh;
  }
  main {
    min-height: 0;
  }
  .tk-filter {
    font: var(--tk-weight) var(--tk-size-3) / var(--tk-lead-3) var(--tk-font);
    display: inline-flex;
    align-items: center;
    gap: 6px;
    height: 28px;
    padding: 0 8px;
    border-radius: var(--tk-radius-control);
    color: var(--tk-text-2);
    white-space: nowrap;
    border: 0;
    background: none;
    cursor: pointer;
    --gap: var(--tk-canvas);
  }
  .tk-filter[aria-pressed='true'] {
    background: var(--tk-hover);
    color: var(--tk-text);
  }
  .tk-filter b {
    font-weight: var(--tk-weight-strong);
    color: var(--tk-text);
  }
  .filters {
    overflow-x: auto;
    padding: 6px 8px;
    border-bottom: 1px solid var(--tk-line);
  }
  .ns {
    display: inline-flex;
    align-items: center;
    gap: 2px;
    color: var(--tk-text-2);
  }
  select {
    height: var(--tk-control-small);
    max-width: 180px;
    border: 0;
    border-radius: var(--tk-radius-control);
    background: transparent;
    color: var(--tk-text-2);
    font: var(--tk-weight-medium) var(--tk-size-2) / 1 var(--tk-font);
  }
  select:hover {
    background: var(--tk-hover);
  }
  option {
    background: var(--tk-raised);
    color: var(--tk-text);
  }
  @media (max-width: 639px) {
    :host {
      flex: 1;
      height: auto;
    }
    .tk-filter {
      height: 36px;
    }
  }
`;
