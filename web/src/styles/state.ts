/** Shape, word and colour of a state. */
import { css } from 'lit';

export const state = css`
  .live {
    color: var(--tk-live);
  }
  .connecting {
    color: var(--tk-connecting);
  }
  .idle,
  .paused {
    color: var(--tk-idle);
  }
  .offline {
    color: var(--tk-offline);
  }
  .degraded {
    color: var(--tk-degraded);
  }
  .error {
    color: var(--tk-error);
  }
  .unknown {
    color: var(--tk-unknown);
  }
  .connecting > .g,
  .g.spin {
    animation: tk-turn var(--tk-spin) linear infinite;
  }
  @keyframes tk-turn {
    to {
      transform: rotate(1turn);
    }
  }
  @media (prefers-reduced-motion: reduce) {
    .connecting > .g,
    .g.spin {
      animation: none;
    }
  }
  .tk-state {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    white-space: nowrap;
    font-weight: var(--tk-weight-medium);
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
  }
  .tk-state.chip {
    height: 24px;
    padding: 0 9px 0 7px;
    border-radius: var(--tk-radius-round);
    font-size: var(--tk-size-2);
  }
  .tk-state.chip.live {
    background: var(--tk-live-bg);
    --gap: var(--tk-live-bg);
  }
  .tk-state.chip.connecting {
    background: var(--tk-connecting-bg);
    --gap: var(--tk-connecting-bg);
  }
  .tk-state.chip.idle,
  .tk-state.chip.paused {
    background: var(--tk-idle-bg);
    --gap: var(--tk-idle-bg);
  }
  .tk-state.chip.offline {
    background: var(--tk-offline-bg);
    --gap: var(--tk-offline-bg);
  }
  .tk-state.chip.degraded {
    background: var(--tk-degraded-bg);
    --gap: var(--tk-degraded-bg);
  }
  .tk-state.chip.error {
    background: var(--tk-error-bg);
    --gap: var(--tk-error-bg);
  }
  .tk-state.chip.unknown {
    background: var(--tk-unknown-bg);
    --gap: var(--tk-unknown-bg);
  }
`;
