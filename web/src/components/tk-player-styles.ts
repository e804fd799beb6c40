/** How the player looks: dark in both themes, the bar over the lower edge. */
import { css } from 'lit';

export const playerStyles = css`
  :host {
    display: block;
    width: 100%;
    max-width: calc((100vh - 240px) * 16 / 9);
    margin: 0 auto;
    --gap: var(--tk-well);
  }
  .tk-player {
    color-scheme: dark;
    position: relative;
    aspect-ratio: 16 / 9;
    width: 100%;
    border-radius: 8px;
    overflow: hidden;
    background: var(--tk-well);
    color: #fff;
    box-shadow: 0 0 0 1px rgb(128 140 160 / 0.18);
  }
  :host(:fullscreen) {
    max-width: none;
    background: #000;
    display: grid;
    align-items: center;
  }
  :host(:fullscreen) .tk-player {
    border-radius: 0;
    max-height: 100vh;
    box-shadow: none;
  }
  .quiet {
    cursor: none;
  }
  video {
    width: 100%;
    height: 100%;
    object-fit: contain;
    outline: none;
  }
  video.away {
    visibility: hidden;
  }
  tk-stats {
    position: absolute;
    left: 12px;
    top: 12px;
  }
  .cover {
    position: absolute;
    inset: 0 0 52px;
    display: grid;
    place-content: center;
    justify-items: center;
    text-align: center;
    gap: 8px;
    padding: 24px;
  }
  .cover.shade {
    inset: 0;
    padding-bottom: 76px;
    background: var(--tk-shade);
  }
  .cover .title {
    font-weight: var(--tk-weight-strong);
    font-size: var(--tk-size-6);
    line-height: var(--tk-lead-6);
    text-wrap: balance;
    max-width: 26em;
  }
  .cover p {
    max-width: 52ch;
    text-wrap: balance;
  }
  .cover tk-command {
    width: min(480px, 100%);
    text-align: left;
    margin-top: 4px;
  }
  .big .g {
    width: 18px;
    height: 18px;
  }
  .steps {
    display: flex;
    gap: 3px;
    width: 160px;
    margin-top: 6px;
  }
  .steps i {
    flex: 1;
    height: 3px;
    border-radius: 2px;
    background: rgb(255 255 255 / 0.18);
  }
  .steps i.on {
    background: var(--tk-connecting);
  }
  .bar {
    position: absolute;
    inset: auto 0 0 0;
    display: flex;
    align-items: center;
    gap: 2px;
    padding: 40px 10px 10px;
    background: linear-gradient(to top, rgb(8 10 14 / 0.92), rgb(8 10 14 / 0.62) 55%, transparent);
    transition: opacity var(--tk-base);
  }
  .quiet .bar {
    opacity: 0;
  }
  .bar:focus-within {
    opacity: 1;
  }
  .bar button {
    appearance: none;
    border: 0;
    border-radius: var(--tk-radius-control);
    background: transparent;
    color: #fff;
    height: 34px;
    min-width: 36px;
    padding: 0 9px;
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    font: var(--tk-weight-medium) var(--tk-size-2) / 1 var(--tk-font);
    cursor: pointer;
  }
  .bar button:focus-visible {
    box-shadow: inset 0 0 0 2px #fff;
  }
  .bar button[aria-pressed='true'] {
    background: rgb(255 255 255 / 0.2);
  }
  .bar button[disabled] {
    opacity: 0.45;
    cursor: not-allowed;
  }
  .bar .i {
    width: 18px;
    height: 18px;
  }
  .path {
    font-size: var(--tk-size-2);
    color: #fff;
    display: flex;
    align-items: center;
    gap: 7px;
    padding: 0 8px;
    white-space: nowrap;
    min-width: 0;
  }
  @media (max-width: 639px) {
    :host {
      max-width: none;
    }
    .tk-player {
      border-radius: 0;
    }
    .bar {
      padding: 30px 4px 4px;
    }
    .bar button {
      min-width: 44px;
      height: 44px;
    }
    .cover {
      padding: 12px;
      gap: 4px;
    }
    .cover .title {
      font-size: var(--tk-size-5);
      line-height: var(--tk-lead-5);
    }
    .cover p {
      font-size: var(--tk-size-2);
      line-height: var(--tk-lead-2);
    }
  }
`;
