/** Cards beside each other, below each other where there is no room. */
import { css } from 'lit';

export const columns = css`
  .cols {
    display: grid;
    gap: var(--tk-5);
    align-items: start;
  }
  .cols.two {
    grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
  }
  .cols.side {
    grid-template-columns: minmax(0, 1fr) 340px;
  }
  @media (max-width: 1099px) {
    .cols.two,
    .cols.side {
      grid-template-columns: minmax(0, 1fr);
    }
  }
`;
