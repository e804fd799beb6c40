/** A namespace's operation on its page, while it runs and once it has failed. */
import { css, html, nothing, type TemplateResult } from 'lit';
import type { Operation } from '../../../daemon/contract/api.ts';
import { enableCommand, failureTitle } from '../actions/namespace-view.ts';
import '../components/tk-command.ts';
import '../components/tk-notice.ts';
import '../components/tk-operation.ts';
import '../components/tk-steps.ts';
import type { ConsoleContext } from '../console-context.ts';

/** An enable or disable under way: its steps, and what stays if one fails. */
export function runningView(context: ConsoleContext, operation: Operation): TemplateResult {
  const enabling = operation.kind === 'enable-webrtc';
  return html`<div class="cols side">
    <tk-operation .context=${context} .operation=${operation}></tk-operation>
    <div class="stack">
      <section class="tk-card" aria-labelledby="fails">
        <header><h2 id="fails">If a step fails</h2></header>
        <div class="body small muted stack tight">
          <p>
            ${
              enabling
                ? 'Everything done so far is undone, newest first, and nothing stays behind.'
                : 'What was done stays done, and the rest can be tried again.'
            }
          </p>
          <p>
            You may close this page. If the server loses power now, it finishes
            ${enabling ? 'or undoes ' : ''}this at the next start.
          </p>
        </div>
      </section>
      ${
        enabling
          ? html`<section class="tk-card" aria-labelledby="cli">
              <header><h2 id="cli">Same on the command line</h2></header>
              <div class="body">
                <tk-command .text=${enableCommand(operation.namespace, {})}></tk-command>
              </div>
            </section>`
          : nothing
      }
    </div>
  </div>`;
}

/** The newest operation, which failed: why, and what became of its steps. */
export function failedView(operation: Operation): TemplateResult {
  const step = operation.steps.find(({ state }) => state === 'failed');
  const where = step === undefined ? '' : `${step.label}: `;
  return html`<tk-notice
      .notice=${{
        kind: 'error' as const,
        title: failureTitle(operation),
        text: `${where}${operation.error?.message ?? 'The server does not say why.'}`,
      }}
    ></tk-notice>
    <details class="tk-card">
      <summary class="small">What was done and undone</summary>
      <tk-steps .steps=${operation.steps}></tk-steps>
    </details>`;
}

export const operationStyles = css`
  summary {
    padding: 12px 16px;
    cursor: pointer;
    border-radius: var(--tk-radius-card);
  }
`;
