/** A page the role may not see: which, why, and who can change that. */
import { html, type TemplateResult } from 'lit';
import { follow } from '../components/app-navigation.ts';
import { icon } from '../components/icon.ts';
import type { ConsoleContext } from '../console-context.ts';

export function forbidden(context: ConsoleContext, title: string): TemplateResult {
  return html`<header class="tk-header"><h1>${title}</h1></header>
    <slot name="notice"></slot>
    <main id="main" tabindex="-1" aria-label=${title}>
      <div class="tk-empty">
        ${icon('i-lock')}
        <h2>You cannot open ${title}</h2>
        <p>Your role is ${context.user?.role ?? 'not known'}. An owner can change it.</p>
        <div class="row">
          <a class="tk-button" href="/" @click=${follow(context, '/')}>Back to the wall</a>
        </div>
      </div>
    </main>`;
}
