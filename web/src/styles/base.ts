/** Every shadow root begins with this. */
import type { CSSResultGroup } from 'lit';
import { controls } from './controls.ts';
import { empty } from './empty.ts';
import { layout } from './layout.ts';
import { reset } from './reset.ts';
import { state } from './state.ts';
import { text } from './text.ts';

export const base: CSSResultGroup = [reset, text, layout, state, empty, controls];
