/** How words weigh and break. */
import { css } from 'lit';

export const text = css`
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
  .cut {
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
    min-width: 0;
  }
  .sr {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
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
`;
