/** What the tabs of Access share: roles, and the states of a list. */
import { html, nothing, type TemplateResult } from 'lit';
import type { Role } from '../../../daemon/contract/api.ts';
import { stateWord } from './icon.ts';
import type { Loader } from './loader.ts';
import type { FormField } from './tk-form.ts';
import './tk-notice.ts';
import './tk-secret.ts';

export const ROLES: readonly Role[] = ['viewer', 'operator', 'owner'];

export function roleWord(role: Role): string {
  return role.charAt(0).toUpperCase() + role.slice(1);
}

const MEANS: Record<Role, string> = {
  viewer: 'watches cameras',
  operator: 'adds cameras, sees health and metrics',
  owner: 'everything',
};

export const ROLE_FIELD: FormField = {
  id: 'role',
  label: 'Role',
  kind: 'choice',
  options: ROLES.map((role) => ({ value: role, label: `${roleWord(role)}: ${MEANS[role]}` })),
};

export function namespaceField(names: readonly string[]): FormField {
  return {
    id: 'namespace',
    label: 'Namespace',
    kind: 'choice',
    options: names.map((name) => ({ value: name, label: name })),
  };
}

/** What was made is shown once, until it is hidden. */
export function madeCard(made: {
  title: string;
  text: TemplateResult;
  secret: string;
  noun: string;
  gone: string;
  hide: () => void;
}): TemplateResult {
  const { title, text, secret, noun, gone, hide } = made;
  return html`<section class="tk-card" aria-labelledby="made">
    <header>
      <h2 id="made" class="grow">${title}</h2>
      ${stateWord('live', 'Made now', true)}
    </header>
    <div class="body stack tight">
      <p class="small muted">Copy it now; it is not shown again. ${text}</p>
      <tk-secret .value=${secret} .noun=${noun} .gone=${gone} @blanked=${hide}></tk-secret>
      <div class="row"><button class="tk-button" @click=${hide}>Hide</button></div>
    </div>
  </section>`;
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
