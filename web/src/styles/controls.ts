/** Buttons and segmented choices. */
import { css } from 'lit';

export const controls = css`
  .tk-button {
    appearance: none;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 7px;
    height: var(--tk-control);
    padding: 0 12px;
    border-radius: var(--tk-radius-control);
    border: 1px solid var(--tk-line-strong);
    background: var(--tk-surface);
    color: var(--tk-text);
    font: var(--tk-weight-medium) var(--tk-size-3) / 1 var(--tk-font);
    white-space: nowrap;
    cursor: pointer;
    transition: background var(--tk-fast);
  }
  .tk-button:hover {
    background: var(--tk-hover);
    text-decoration: none;
  }
  .tk-button.primary {
    background: var(--tk-ink);
    border-color: var(--tk-ink);
    color: var(--tk-on-ink);
  }
  .tk-button.primary:hover {
    background: var(--tk-ink-hover);
  }
  .tk-button.danger {
    color: var(--tk-error);
  }
  .tk-button.danger.fill {
    background: var(--tk-danger);
    border-color: var(--tk-danger);
    color: var(--tk-on-danger);
  }
  .tk-button.ghost {
    border-color: transparent;
    background: transparent;
    color: var(--tk-text-2);
  }
  .tk-button.ghost:hover {
    background: var(--tk-hover);
    color: var(--tk-text);
  }
  .tk-button.small {
    height: var(--tk-control-small);
    padding: 0 9px;
    font-size: var(--tk-size-2);
  }
  .tk-button.icon {
    width: var(--tk-control);
    padding: 0;
  }
  .tk-button.icon.small {
    width: var(--tk-control-small);
  }
  .tk-button[disabled],
  .tk-button[aria-disabled='true'] {
    color: var(--tk-text-3);
    border-style: dashed;
    background: transparent;
    cursor: not-allowed;
  }
  .tk-button.ghost[disabled] {
    opacity: 0.6;
  }
  .tk-segmented {
    display: inline-flex;
    padding: 2px;
    gap: 1px;
    border-radius: var(--tk-radius-control);
    background: var(--tk-inset);
    box-shadow: inset 0 0 0 1px var(--tk-line);
  }
  .tk-segmented > button {
    appearance: none;
    border: 0;
    background: transparent;
    min-width: 30px;
    height: calc(var(--tk-control) - 4px);
    padding: 0 9px;
    border-radius: 4px;
    color: var(--tk-text-2);
    font: var(--tk-weight-medium) var(--tk-size-3) / 1 var(--tk-font);
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    white-space: nowrap;
    cursor: pointer;
  }
  .tk-segmented > [aria-checked='true'],
  .tk-segmented > [aria-selected='true'] {
    background: var(--tk-surface);
    color: var(--tk-text);
    box-shadow: 0 0 0 1px var(--tk-line-strong);
  }
  .tk-segmented > button:focus-visible {
    box-shadow: var(--tk-ring);
  }
`;
