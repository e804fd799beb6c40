/** Icons and state shapes of the sprite, as templates. The build inlines the sprite: nothing is requested. */
import { html, svg, type TemplateResult } from 'lit';
import { unsafeSVG } from 'lit/directives/unsafe-svg.js';
import type { StateName } from '../actions/tile-facts.ts';
import sprite from '../styles/icons.svg?raw';

const SYMBOL = /<symbol id="([\w-]+)" viewBox="([\d ]+)">(.*?)<\/symbol>/gs;
const symbols = new Map(
  [...sprite.matchAll(SYMBOL)].map(([, name = '', viewBox = '', body = '']) => [name, { viewBox, body }]),
);

/** @param name `i-*` action, `g-*` state shape or `logo`; @param kind class: `i` 16 px, `g` 12 px. */
export function icon(name: string, kind = name.startsWith('g-') ? 'g' : 'i'): TemplateResult {
  const symbol = symbols.get(name);
  return html`<svg class=${kind} viewBox=${symbol?.viewBox ?? '0 0 16 16'} aria-hidden="true">
    ${svg`${unsafeSVG(symbol?.body ?? '')}`}
  </svg>`;
}

const GLYPH: Record<StateName, string> = {
  live: 'g-live',
  connecting: 'g-connecting',
  idle: 'g-idle',
  paused: 'g-paused',
  offline: 'g-offline',
  degraded: 'g-degraded',
  error: 'g-error',
  unknown: 'g-unknown',
};

/** The shape of a state in its colour. The word stands beside it, always. */
export function glyph(state: StateName): TemplateResult {
  return html`<span class="glyph ${state}">${icon(GLYPH[state])}</span>`;
}

/** tk-state: shape and word. */
export function stateWord(state: StateName, label: string, chip = false): TemplateResult {
  return html`<span class="tk-state ${state} ${chip ? 'chip' : ''}">${icon(GLYPH[state])}${label}</span>`;
}

/** A check that passed: a tick, not the dot of a live picture. */
export function okWord(label: string): TemplateResult {
  return html`<span class="tk-state live">${icon('g-ok')}${label}</span>`;
}
