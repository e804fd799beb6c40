/** What the tabs of Access share: roles, and the states of a list. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Role } from '../../../daemon/contract/api.ts';
import type { Loader } from './loader.ts';
import './tk-notice.ts';

export const ROLES: readonly Role[] = ['viewer', 'operator', 'owner'];

export function roleWord(role: Role): string {
  return role.charAt(0).toUpperCase() + role.slice(1);
}

const MEANS: Record<Role, string> = {
  viewer: 'watches cameras',
  operator: 'adds cameras, sees health and metrics',
  owner: 'everything',
};

export function roleField(role: Role): TemplateResult {
  return html`<div class="tk-field">
    <label for="role">Role</label>
    <select class="tk-input" id="role">
      ${ROLES.map(
        (one) =>
          html`<option value=${one} ?selected=${one === role}>${roleWord(one)}: ${MEANS[one]}</option>`,
      )}
    </select>
  </div>`;
}

/** Loading, or why what is shown is old. Nothing once it is there. */
export function loadState<Value>(loader: Loader<Value>, what: string): TemplateResult | typeof nothing {
  const { value, problem } = loader;
  if (problem !== null) {
    return html`<div class="body">
      <tk-notice
        .lasting=${true}
        .notice=${{
          kind: 'unknown' as const,
          title: value === null ? `We cannot show ${what}.` : 'This may be old.',
          text: problem,
          action: {
            label: 'Try again',
            run: () => {
              void loader.load();
            },
          },
        }}
      ></tk-notice>
    </div>`;
  }
  return value === null ? html`<p class="body small faint" role="status">Asking for ${what}.</p>` : nothing;
}
