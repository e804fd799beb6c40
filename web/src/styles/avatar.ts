/** Two letters in place of a face. */
import { css } from 'lit';

export const avatar = css`
  .tk-avatar {
    width: 20px;
    height: 20px;
    border-radius: 50%;
    background: var(--tk-selected);
    color: var(--tk-text);
    font-size: 10px;
    line-height: 20px;
    text-align: center;
    font-weight: var(--tk-weight-strong);
    flex: none;
    margin: 0 -2px;
  }
  .tk-avatar.large {
    width: 26px;
    height: 26px;
    line-height: 26px;
    margin: 0;
  }
`;
