/** Tables; on a phone a list: name and action on the first line, `low` columns hidden. */
import { css } from 'lit';

export const tableStyles = css`
  .tk-table {
    width: 100%;
    border-collapse: collapse;
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
  }
  .tk-table thead th {
    text-align: left;
    font-weight: var(--tk-weight-medium);
    color: var(--tk-text-3);
    font-size: var(--tk-size-2);
    padding: 8px 12px;
    border-bottom: 1px solid var(--tk-line);
    white-space: nowrap;
  }
  .tk-table td,
  .tk-table tbody th {
    padding: 9px 12px;
    border-bottom: 1px solid var(--tk-line);
    vertical-align: middle;
    text-align: left;
    font-weight: var(--tk-weight);
  }
  .tk-table tbody tr:last-child > * {
    border-bottom: 0;
  }
  .tk-table tr > :first-child {
    padding-left: 16px;
  }
  .tk-table tr > :last-child {
    padding-right: 16px;
  }
  .tk-table .num {
    text-align: right;
  }
  .tk-table td.act {
    padding-block: 4px;
    text-align: right;
    white-space: nowrap;
  }
  .tk-table .ask td {
    padding: 12px 16px 16px;
    background: var(--tk-inset);
  }
  .name {
    overflow-wrap: anywhere;
    font-weight: var(--tk-weight-medium);
    color: var(--tk-text);
  }
  @media (max-width: 639px) {
    .tk-table thead {
      display: none;
    }
    .tk-table,
    .tk-table tbody {
      display: block;
    }
    .tk-table tr {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 0 12px;
      padding: 10px 16px;
      border-bottom: 1px solid var(--tk-line);
    }
    .tk-table tr:last-child {
      border-bottom: 0;
    }
    .tk-table td,
    .tk-table tbody th {
      padding: 1px 0 !important;
      border: 0;
      grid-column: 1;
      text-align: left;
      min-width: 0;
    }
    /* Without the head of its column a time says nothing. */
    .tk-table td[data-label]::before {
      content: attr(data-label) ' ';
      color: var(--tk-text-3);
    }
    .tk-table td.act {
      grid-column: 2;
      grid-row: 1 / span 3;
      align-self: center;
    }
    .tk-table .low {
      display: none;
    }
    .tk-table .ask {
      background: var(--tk-inset);
    }
    .tk-table .ask td {
      grid-column: 1 / -1;
    }
  }
`;
