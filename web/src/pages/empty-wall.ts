/** The wall before the first camera. */
import { html, nothing, type TemplateResult } from 'lit';
import { follow } from '../components/app-navigation.ts';
import { icon } from '../components/icon.ts';
import type { ConsoleContext } from '../console-context.ts';

/** A camera belongs to a namespace: before the first one there is nothing to add a camera to. */
export function noNamespace(context: ConsoleContext): TemplateResult {
  return html`<div class="tk-empty">
    <h2>No namespace yet</h2>
    <p>
      A camera belongs to a namespace.
      ${context.mayOwn ? 'Add one and enable WebRTC for it; then add cameras.' : 'An owner can add one.'}
    </p>
    <div class="row">
      <a class="tk-button primary" href="/namespaces" @click=${follow(context, '/namespaces')}
        >Open the namespaces</a
      >
    </div>
  </div>`;
}

export function emptyWall(context: ConsoleContext): TemplateResult {
  if (context.mayEdit && context.live.data?.namespaces.size === 0) return noNamespace(context);
  return html`<div class="tk-empty">
    <svg
      class="art"
      viewBox="0 0 120 68"
      fill="none"
      stroke="currentColor"
      stroke-width="1.5"
      aria-hidden="true"
    >
      <rect x="1" y="1" width="56" height="31" rx="4" />
      <rect x="63" y="1" width="56" height="31" rx="4" stroke-dasharray="3 3" />
      <rect x="1" y="36" width="56" height="31" rx="4" stroke-dasharray="3 3" />
      <rect x="63" y="36" width="56" height="31" rx="4" stroke-dasharray="3 3" />
      <circle cx="29" cy="16.5" r="5" />
    </svg>
    <h2>No cameras yet</h2>
    <p>
      ${
        context.mayEdit
          ? 'Add one, copy its secret, start the producer. Its picture shows up here by itself.'
          : 'Ask an operator to add one. Its picture shows up here by itself.'
      }
    </p>
    ${
      context.mayEdit
        ? html`<div class="row">
            <a class="tk-button primary" href="/cameras/new" @click=${follow(context, '/cameras/new')}
              >${icon('i-plus')}Add camera</a
            >
          </div>`
        : nothing
    }
  </div>`;
}
