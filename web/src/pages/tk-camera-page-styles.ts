/** How the camera page is laid out: picture left, panel right; below 1100 px the panel goes under the picture. */
import { css } from 'lit';

export const cameraPageStyles = css`
  .tk-watch {
    flex: 1;
    display: grid;
    grid-template-columns: minmax(0, 1fr) var(--tk-panel);
    min-height: 0;
  }
  .left {
    padding: var(--tk-4) var(--tk-5);
    display: grid;
    gap: 10px;
    align-content: start;
    min-width: 0;
  }
  .left .tk-card > header {
    min-height: 42px;
    padding-block: 6px;
  }
  .left .tk-card > .body {
    padding: 12px 16px;
  }
  .tk-panel {
    border-left: 1px solid var(--tk-line);
    padding: 4px 0 16px;
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
    overflow: hidden;
    --gap: var(--tk-canvas);
  }
  .tk-panel section {
    padding: 14px 18px;
  }
  .tk-panel section + section {
    border-top: 1px solid var(--tk-line);
  }
  .tk-panel h2 {
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
    display: flex;
    align-items: center;
    gap: 8px;
    margin-bottom: 8px;
  }
  .tk-panel h2 .n {
    margin-left: auto;
    font-weight: var(--tk-weight);
    color: var(--tk-text-3);
    font-size: var(--tk-size-2);
  }
  .bad {
    color: var(--tk-error);
    display: flex;
    gap: 5px;
    align-items: center;
  }
  @media (max-width: 1099px) {
    .tk-watch {
      grid-template-columns: minmax(0, 1fr);
    }
    .tk-panel {
      border-left: 0;
      border-top: 1px solid var(--tk-line);
    }
  }
  @media (max-width: 639px) {
    .left {
      padding: 0 0 12px;
    }
    .left > .tk-card {
      margin: 0 12px;
    }
  }
`;
