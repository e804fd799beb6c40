/** A label, its input, and what is said under it. */
import { css } from 'lit';

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
