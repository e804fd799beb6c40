/** The Health page's own: the sentence at its top, matrices of paths and ports. */
import { css } from 'lit';

export const healthStyles = css`
  .headline {
    font-size: var(--tk-size-7);
    line-height: var(--tk-lead-7);
    letter-spacing: -0.02em;
    text-wrap: balance;
  }
  .matrix {
    width: 100%;
    border-collapse: collapse;
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
  }
  .matrix th,
  .matrix td {
    text-align: left;
    padding: 9px 12px;
    font-weight: var(--tk-weight);
    border-top: 1px solid var(--tk-line);
    vertical-align: top;
    --gap: var(--tk-surface);
  }
  .matrix thead th {
    color: var(--tk-text-3);
    font-size: var(--tk-size-2);
    font-weight: var(--tk-weight-medium);
    border-top: 0;
  }
  .matrix tr > :first-child {
    padding-left: 16px;
  }
  .wide {
    overflow-x: auto;
  }
  .link {
    appearance: none;
    border: 0;
    background: none;
    padding: 2px 0;
    color: var(--tk-accent);
    font: inherit;
    cursor: pointer;
  }
  .link:hover {
    text-decoration: underline;
    text-underline-offset: 3px;
  }
`;
