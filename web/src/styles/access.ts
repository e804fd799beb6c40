/** Forms and lists of the tabs of Access. */
import { css } from 'lit';

export const accessStyles = css`
  :host {
    display: grid;
    gap: var(--tk-7);
    min-width: 0;
  }
`;
