/** Cards, and the facts in them. */
import { css } from 'lit';

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
  .tk-card > header:last-child {
    border-bottom: 0;
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
