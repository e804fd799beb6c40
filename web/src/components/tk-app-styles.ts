/** How the shell looks: navigation of 208 or 56 px, tabs at the bottom of a phone. */
import { css } from 'lit';

export const appStyles = css`
  :host {
    display: block;
  }
  .tk-app {
    display: grid;
    grid-template-columns: var(--tk-nav) minmax(0, 1fr);
    min-height: 100vh;
  }
  :host([rail]) .tk-app {
    grid-template-columns: var(--tk-rail) minmax(0, 1fr);
  }
  .blank {
    min-height: 100vh;
    display: grid;
    place-content: center;
  }
  .tk-main .blank {
    min-height: 60vh;
  }
  .g.large {
    width: 24px;
    height: 24px;
  }
  .tk-skip {
    position: absolute;
    left: 8px;
    top: -60px;
    z-index: var(--tk-z-skip);
  }
  .tk-skip:focus {
    top: 8px;
  }
  .slot {
    display: contents;
  }
  .slot > * {
    display: block;
    margin: var(--tk-4) var(--tk-5) 0;
  }
  .tk-nav {
    position: sticky;
    top: 0;
    height: 100vh;
    z-index: var(--tk-z-nav);
    display: flex;
    flex-direction: column;
    padding: 10px;
    border-right: 1px solid var(--tk-line);
    background: var(--tk-canvas);
    overflow: hidden;
  }
  .brand {
    display: flex;
    align-items: center;
    gap: 10px;
    height: 36px;
    padding: 0 8px;
    color: var(--tk-text);
    font-weight: var(--tk-weight-strong);
    letter-spacing: -0.01em;
    margin-bottom: 10px;
  }
  .logo {
    width: 20px;
    height: 20px;
    flex: none;
  }
  .tk-nav ul {
    display: grid;
    gap: 1px;
  }
  .tk-nav a,
  .tk-nav button {
    display: flex;
    align-items: center;
    gap: 12px;
    height: 34px;
    width: 100%;
    padding: 0 10px;
    border: 0;
    border-radius: var(--tk-radius-control);
    background: none;
    color: var(--tk-text-2);
    font: var(--tk-weight-medium) var(--tk-size-3) / 1 var(--tk-font);
    white-space: nowrap;
    position: relative;
    cursor: pointer;
  }
  .tk-nav button {
    font-weight: var(--tk-weight);
  }
  .tk-nav a:hover,
  .tk-nav button:hover,
  .tk-nav button[aria-expanded='true'] {
    background: var(--tk-hover);
    text-decoration: none;
    color: var(--tk-text);
  }
  .tk-nav a[aria-current] {
    background: var(--tk-hover);
    color: var(--tk-text);
  }
  .tk-nav a[aria-current]::before {
    content: '';
    position: absolute;
    left: -10px;
    top: 8px;
    bottom: 8px;
    width: 3px;
    border-radius: 0 3px 3px 0;
    background: var(--tk-accent);
  }
  .tk-nav ul + ul {
    margin-top: 10px;
    padding-top: 10px;
    border-top: 1px solid var(--tk-line);
  }
  .foot {
    margin-top: auto;
    display: grid;
    gap: 1px;
    padding-top: 10px;
  }
  :host([rail]) .label,
  :host([rail]) .brand span {
    position: absolute;
    opacity: 0;
    pointer-events: none;
  }
  .tk-tabbar {
    display: none;
  }
  .tk-main {
    min-width: 0;
    display: flex;
    flex-direction: column;
  }
  @media (max-width: 1099px) {
    .tk-app {
      grid-template-columns: var(--tk-rail) minmax(0, 1fr);
    }
    .label,
    .brand span {
      position: absolute;
      opacity: 0;
      pointer-events: none;
    }
  }
  @media (max-width: 639px) {
    .tk-app,
    :host([rail]) .tk-app {
      grid-template-columns: minmax(0, 1fr);
      padding-bottom: 58px;
    }
    .tk-nav {
      display: none;
    }
    .slot > * {
      margin: 8px 12px 0;
    }
    .tk-tabbar {
      position: fixed;
      inset: auto 0 0 0;
      z-index: var(--tk-z-nav);
      display: grid;
      grid-auto-flow: column;
      grid-auto-columns: 1fr;
      height: 58px;
      background: var(--tk-surface);
      border-top: 1px solid var(--tk-line);
    }
    .tk-tabbar a,
    .tk-tabbar button {
      display: grid;
      justify-items: center;
      align-content: center;
      gap: 3px;
      border: 0;
      background: none;
      color: var(--tk-text-2);
      font: var(--tk-weight-medium) var(--tk-size-1) / 14px var(--tk-font);
      position: relative;
      cursor: pointer;
    }
    .tk-tabbar [aria-current],
    .tk-tabbar button[aria-expanded='true'] {
      color: var(--tk-text);
    }
    .tk-tabbar [aria-current]::before {
      content: '';
      position: absolute;
      top: -1px;
      width: 32px;
      height: 2px;
      background: var(--tk-accent);
    }
    .tk-tabbar .i {
      width: 20px;
      height: 20px;
    }
  }
`;
