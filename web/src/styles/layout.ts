/** Rows, stacks, and what only a desk or a phone shows. */
import { css } from 'lit';

export const layout = css`
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
