/** One of a few: a radio button with what it means. */
import { css } from 'lit';

export const choice = css`
  .tk-choice {
    display: grid;
    grid-template-columns: 18px 1fr;
    gap: 2px 10px;
    padding: 11px 12px;
    border: 1px solid var(--tk-line-strong);
    border-radius: 8px;
    background: var(--tk-surface);
    cursor: pointer;
  }
  .tk-choice + .tk-choice {
    margin-top: 2px;
  }
  .tk-choice input {
    appearance: none;
    width: 16px;
    height: 16px;
    margin: 2px 0 0;
    border-radius: 50%;
    border: 1.5px solid var(--tk-line-strong);
  }
  .tk-choice:has(input:checked) {
    border-color: var(--tk-accent);
    box-shadow: inset 0 0 0 1px var(--tk-accent);
  }
  .tk-choice input:checked {
    border: 5px solid var(--tk-accent);
  }
  .tk-choice p {
    grid-column: 2;
    color: var(--tk-text-2);
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
  }
  @media (forced-colors: active) {
    .tk-choice input {
      appearance: auto;
    }
  }
`;
