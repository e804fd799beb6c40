/** A page: header, notice slot, content. */
import { css } from 'lit';

export const page = css`
  :host {
    display: flex;
    flex-direction: column;
    flex: 1;
    min-width: 0;
    min-height: 100%;
  }
  .tk-header {
    position: sticky;
    top: 0;
    z-index: var(--tk-z-sticky);
    display: flex;
    align-items: center;
    gap: var(--tk-4);
    min-height: var(--tk-header);
    padding: 8px var(--tk-7);
    background: var(--tk-canvas);
    border-bottom: 1px solid var(--tk-line);
    --gap: var(--tk-canvas);
  }
  :host([rail]) .tk-header {
    padding-inline: var(--tk-5);
  }
  .tk-header h1 {
    font-size: var(--tk-size-5);
    line-height: var(--tk-lead-5);
    white-space: nowrap;
  }
  main {
    flex: 1;
    min-width: 0;
    display: flex;
    flex-direction: column;
  }
  .tk-page {
    width: 100%;
    max-width: var(--tk-page);
    margin: 0 auto;
    padding: var(--tk-7) var(--tk-7) var(--tk-9);
    display: grid;
    gap: var(--tk-7);
    align-content: start;
  }
  .tk-crumb {
    color: var(--tk-text-3);
    font-size: var(--tk-size-3);
    display: flex;
    align-items: center;
    gap: 6px;
    white-space: nowrap;
  }
  .tk-crumb a {
    color: var(--tk-text-2);
  }
  @media (max-width: 639px) {
    .tk-header,
    :host([rail]) .tk-header {
      padding: 4px 12px;
      gap: 6px;
      flex-wrap: wrap;
    }
    .tk-header .tk-crumb {
      display: none;
    }
    .tk-page {
      padding: 16px 12px 32px;
      gap: 16px;
    }
  }
`;
