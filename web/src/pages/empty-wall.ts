/** The wall before the first camera. */
import { html, nothing, type TemplateResult } from 'lit';
import { icon } from '../components/icon.ts';
import type { ConsoleContext } from '../console-context.ts';

export function emptyWall(context: ConsoleContext): TemplateResult {
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
            <a
              class="tk-button primary"
              href="/cameras/new"
              @click=${(event: Event) => {
                event.preventDefault();
                context.navigate('/cameras/new');
              }}
              >${icon('i-plus')}Add camera</a
            >
          </div>`
        : nothing
    }
  </div>`;
}
