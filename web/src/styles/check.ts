/** tk-check: one line of a check with its remedy; tk-sum: how many of each kind. */
import { css } from 'lit';

export const checkStyles = css`
  .tk-check {
    display: grid;
    grid-template-columns: 18px minmax(0, 1fr) auto;
    gap: 2px 12px;
    padding: 12px 16px;
    border-top: 1px solid var(--tk-line);
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
    align-items: start;
    --gap: var(--tk-surface);
  }
  .tk-check:first-child {
    border-top: 0;
  }
  .tk-check .g {
    width: 16px;
    height: 16px;
    margin-top: 2px;
  }
  .tk-check .s {
    font-weight: var(--tk-weight-medium);
    overflow-wrap: anywhere;
  }
  .tk-check .s a {
    text-decoration: underline;
    text-underline-offset: 3px;
    text-decoration-thickness: 1px;
  }
  .tk-check .r {
    grid-column: 2 / -1;
    color: var(--tk-text-2);
    display: grid;
    gap: 8px;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .tk-check .w {
    color: var(--tk-text-3);
    font-size: var(--tk-size-2);
    white-space: nowrap;
  }
  .tk-check.ok {
    padding-block: 8px;
  }
  .tk-check.ok .g {
    width: 14px;
    height: 14px;
    margin: 3px 0 0 1px;
  }
  .tk-check.ok .s {
    font-weight: var(--tk-weight);
  }
  .tk-sum {
    display: flex;
    gap: 22px;
    flex-wrap: wrap;
    --gap: var(--tk-canvas);
  }
  .tk-sum .tk-state {
    font-size: var(--tk-size-4);
    font-weight: var(--tk-weight);
  }
  .tk-sum b {
    font-weight: var(--tk-weight-strong);
  }
  @media (max-width: 639px) {
    .tk-check {
      grid-template-columns: 18px minmax(0, 1fr);
    }
    .tk-check .w {
      grid-column: 2;
    }
  }
`;
