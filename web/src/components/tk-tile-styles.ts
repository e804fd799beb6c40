/** How a tile looks: a dark well in both themes, plate, cover, tools; less of it when it is small. */
import { css } from 'lit';

export const tileStyles = css`
  :host {
    display: block;
    min-width: 0;
    border-radius: var(--tk-radius-tile);
    --gap: var(--tk-well);
  }
  :host(:focus-visible) {
    outline: none;
    box-shadow: var(--tk-ring);
  }
  .tk-tile {
    color-scheme: dark;
    position: relative;
    isolation: isolate;
    aspect-ratio: 16 / 9;
    min-width: 0;
    overflow: hidden;
    border-radius: var(--tk-radius-tile);
    background: var(--tk-well);
    color: var(--tk-on-picture);
    container-type: inline-size;
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
    user-select: none;
  }
  .tk-tile.none.well,
  .tk-tile.hatch {
    box-shadow: inset 0 0 0 1px rgb(255 255 255 / 0.08);
  }
  .tk-tile.hatch {
    background:
      repeating-linear-gradient(135deg, transparent 0 9px, rgb(255 255 255 / 0.022) 9px 10px), var(--tk-well);
  }
  video {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: contain;
    z-index: var(--tk-z-picture);
    outline: none;
  }
  video.away {
    visibility: hidden;
  }
  .plate {
    position: absolute;
    left: 6px;
    bottom: 6px;
    z-index: var(--tk-z-overlay);
    display: flex;
    align-items: center;
    gap: 6px;
    max-width: calc(100% - 12px);
    height: 24px;
    padding: 0 8px 0 7px;
    border-radius: var(--tk-radius-chip);
    background: var(--tk-scrim);
    font-size: var(--tk-size-2);
    line-height: 18px;
    font-weight: var(--tk-weight-medium);
  }
  .plate .ns {
    color: var(--tk-on-picture-2);
    font-weight: var(--tk-weight);
  }
  .plate .ns .i {
    width: 13px;
    height: 13px;
  }
  .plate .why {
    font-weight: var(--tk-weight);
    color: var(--tk-degraded);
    padding-left: 6px;
    border-left: 1px solid rgb(255 255 255 / 0.28);
    white-space: nowrap;
    line-height: 1;
  }
  .tools {
    position: absolute;
    right: 6px;
    bottom: 6px;
    z-index: var(--tk-z-overlay);
    display: flex;
    opacity: 0;
    gap: 1px;
    padding: 0 2px;
    border-radius: var(--tk-radius-chip);
    background: var(--tk-scrim);
    transition: opacity var(--tk-fast);
  }
  .tk-tile:hover .tools,
  .tools:focus-within,
  :host(:focus) .tools {
    opacity: 1;
  }
  .tools button {
    appearance: none;
    border: 0;
    background: none;
    color: #fff;
    width: 26px;
    height: 24px;
    display: grid;
    place-items: center;
    padding: 0;
    border-radius: var(--tk-radius-chip);
    cursor: pointer;
  }
  .tools button:focus-visible,
  .remedy:focus-visible {
    box-shadow: inset 0 0 0 2px #fff;
  }
  .tools .i {
    width: 15px;
    height: 15px;
  }
  .meta {
    position: absolute;
    right: 6px;
    top: 6px;
    z-index: var(--tk-z-overlay);
    display: flex;
    align-items: center;
    gap: 8px;
    height: 22px;
    padding: 0 7px;
    border-radius: var(--tk-radius-chip);
    background: var(--tk-scrim);
    font-size: var(--tk-size-1);
    line-height: 1;
    color: var(--tk-on-picture-2);
  }
  .cover {
    position: absolute;
    inset: 0 0 26px 0;
    z-index: 5;
    display: grid;
    place-content: center;
    justify-items: center;
    text-align: center;
    gap: 4px;
    padding: 8px 20px;
  }
  .cover.shade {
    inset: 0;
    padding-bottom: 34px;
    background: var(--tk-shade);
  }
  .cover .t {
    display: flex;
    align-items: center;
    gap: 7px;
    font-weight: var(--tk-weight-strong);
  }
  .cover p {
    color: var(--tk-text-2);
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
    max-width: 36ch;
    text-wrap: balance;
  }
  .ring {
    display: inline-block;
    vertical-align: -1px;
    margin-right: 5px;
  }
  .ring .g {
    width: 10px;
    height: 10px;
  }
  .remedy {
    appearance: none;
    border: 0;
    background: none;
    min-height: 24px;
    padding: 0 6px;
    border-radius: var(--tk-radius-chip);
    color: var(--tk-accent);
    font: var(--tk-weight-medium) var(--tk-size-2) / 1 var(--tk-font);
    margin-top: 2px;
    cursor: pointer;
  }
  .remedy:hover {
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  .steps {
    display: flex;
    gap: 3px;
    width: 132px;
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
  @container (max-width: 259px) {
    .tools,
    .meta,
    .cover p,
    .plate .ns {
      display: none;
    }
  }
  @container (max-width: 380px) {
    .cover .more {
      display: none;
    }
  }
  @media (forced-colors: active) {
    .tk-tile {
      border: 1px solid CanvasText;
    }
    .g {
      forced-color-adjust: auto;
    }
  }
`;
