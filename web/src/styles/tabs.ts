/** Tabs of a page: links, each with an address of its own. */
import { css } from 'lit';

export const tabs = css`
  .tk-tabs {
    display: flex;
    gap: 20px;
    border-bottom: 1px solid var(--tk-line);
    overflow-x: auto;
  }
  .tk-tabs a {
    padding: 8px 0 10px;
    color: var(--tk-text-2);
    font-size: var(--tk-size-3);
    font-weight: var(--tk-weight-medium);
    white-space: nowrap;
    border-bottom: 2px solid transparent;
    margin-bottom: -1px;
  }
  .tk-tabs a:hover {
    text-decoration: none;
    color: var(--tk-text);
  }
  .tk-tabs a[aria-current] {
    color: var(--tk-text);
    border-color: var(--tk-text);
  }
`;
