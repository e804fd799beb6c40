/** An element that fills its column and lets its content shrink. */
import { css } from 'lit';

export const block = css`
  :host {
    display: block;
    min-width: 0;
  }
`;
