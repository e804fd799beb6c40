/** What a namespace's page asks before it does what people feel. In place, with the focus on the safe answer. */
import { html, nothing, type TemplateResult } from 'lit';
import { namespacePath } from '../actions/route.ts';
import { counted } from '../actions/wording.ts';
import '../components/tk-confirm.ts';
import type { ConsoleContext } from '../console-context.ts';

export type Question = 'none' | 'rotate' | 'disable' | 'delete';

export type QuestionOptions = {
  question: Question;
  context: ConsoleContext;
  name: string;
  cameras: number;
  /** null: not known. */
  sessions: number | null;
  busy: boolean;
  /** Does it; `failure` is the title of what is told when that fails. */
  run: (failure: string, action: () => Promise<void>) => void;
  keep: () => void;
};

export function namespaceQuestion(options: QuestionOptions): TemplateResult | typeof nothing {
  switch (options.question) {
    case 'none':
      return nothing;
    case 'rotate':
      return rotateQuestion(options);
    case 'disable':
      return disableQuestion(options);
    case 'delete':
      return deleteQuestion(options);
  }
}

function disableQuestion({ context, name, sessions, busy, run, keep }: QuestionOptions): TemplateResult {
  const who =
    sessions === null || sessions === 0 ? '' : `${counted(sessions, 'session ends', 'sessions end')}. `;
  return html`<tk-confirm
    .question=${`Disable WebRTC for ${name}?`}
    .text=${`${who}Nobody can watch its cameras until it is enabled again. Cameras stay; ports are given back.`}
    .verb=${'Disable WebRTC'}
    .safe=${'Keep it on'}
    .busy=${busy}
    @confirm=${() => {
      run(`WebRTC was not disabled for ${name}.`, () => context.api.namespaces.disable(name));
    }}
    @keep=${keep}
  ></tk-confirm>`;
}

function rotateQuestion({ context, name, busy, run, keep }: QuestionOptions): TemplateResult {
  const rotate = (now: boolean): void => {
    run(`The TURN secret of ${name} was not rotated.`, () =>
      context.api.namespaces.rotateSecret(name, { now }),
    );
  };
  return html`<tk-confirm
    .question=${`Rotate the TURN secret of ${name}?`}
    .text=${'No session is dropped. Credentials of before stay good until they end, a day at most; after a leak, refuse them now.'}
    .verb=${'Rotate secret'}
    .busy=${busy}
    @confirm=${() => {
      rotate(false);
    }}
    @keep=${keep}
    ><button
      class="tk-button danger"
      @click=${() => {
        rotate(true);
      }}
    >
      Rotate, refuse older credentials now
    </button></tk-confirm
  >`;
}

function deleteQuestion({ context, name, cameras, busy, run, keep }: QuestionOptions): TemplateResult {
  return html`<tk-confirm
    .question=${`Delete ${name}?`}
    .text=${
      cameras === 0
        ? 'Its API keys stop working at once. This is permanent.'
        : `It still has ${counted(cameras, 'camera')}: delete those first.`
    }
    .verb=${`Delete ${name}`}
    .busy=${busy}
    @confirm=${() => {
      run(`${name} was not deleted.`, async () => {
        await context.api.namespaces.delete(name);
        context.say(`${name} is deleted`);
        // Whoever went elsewhere meanwhile stays there.
        if (location.pathname === namespacePath(name)) context.navigate('/namespaces');
      });
    }}
    @keep=${keep}
  ></tk-confirm>`;
}
