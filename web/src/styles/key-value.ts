/** A small title over what it says: cells of a card. */
import { css } from 'lit';

export const keyValue = css`
  .k {
    color: var(--tk-text-3);
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
  }
  .v {
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
    color: var(--tk-text-2);
    margin-top: 2px;
    overflow-wrap: anywhere;
  }
`;
