/** What stands where nothing is yet. */
import { css } from 'lit';

export const empty = css`
  .tk-empty {
    display: grid;
    justify-items: center;
    text-align: center;
    gap: 6px;
    padding: 48px 24px;
    max-width: 460px;
    margin: auto;
  }
  .tk-empty .art {
    width: 120px;
    height: 68px;
    margin-bottom: 10px;
    color: var(--tk-text-3);
  }
  .tk-empty p {
    color: var(--tk-text-2);
  }
  .tk-empty .row {
    margin-top: 14px;
    justify-content: center;
    flex-wrap: wrap;
  }
`;
