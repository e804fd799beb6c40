/** How adding a camera looks: a narrow form, then the secret beside the live progress. */
import { css } from 'lit';

export const addCameraStyles = css`
  form {
    max-width: 620px;
    width: 100%;
    margin: 0 auto;
  }
  .title {
    font-size: var(--tk-size-6);
    line-height: var(--tk-lead-6);
  }
  .title:focus {
    outline: none;
    box-shadow: none;
  }
  .side {
    display: grid;
    gap: var(--tk-5);
    align-items: start;
    grid-template-columns: minmax(0, 1fr) 340px;
  }
  .tk-stepper {
    display: flex;
    gap: 8px;
    align-items: center;
    font-size: var(--tk-size-3);
    color: var(--tk-text-3);
  }
  .tk-stepper li {
    display: flex;
    gap: 8px;
    align-items: center;
    white-space: nowrap;
  }
  .tk-stepper li + li::before {
    content: '';
    width: 28px;
    height: 1px;
    background: var(--tk-line-strong);
  }
  .tk-stepper .n {
    width: 20px;
    height: 20px;
    border-radius: 50%;
    display: grid;
    place-items: center;
    font-size: var(--tk-size-1);
    font-weight: var(--tk-weight-strong);
    border: 1.5px solid var(--tk-line-strong);
  }
  .tk-stepper .done .n {
    border-color: var(--tk-live);
    color: var(--tk-live);
  }
  .tk-stepper .n .i {
    width: 12px;
    height: 12px;
  }
  .tk-stepper [aria-current] {
    color: var(--tk-text);
    font-weight: var(--tk-weight-medium);
  }
  .tk-stepper [aria-current] .n {
    background: var(--tk-ink);
    border-color: var(--tk-ink);
    color: var(--tk-on-ink);
  }
  .tk-steps {
    padding: 8px 0;
  }
  .tk-steps li {
    display: grid;
    grid-template-columns: 18px minmax(0, 1fr) auto;
    gap: 1px 12px;
    padding: 6px 16px;
    font-size: var(--tk-size-3);
    line-height: var(--tk-lead-3);
    align-items: center;
  }
  .tk-steps .g {
    width: 14px;
    height: 14px;
  }
  .tk-steps .d {
    color: var(--tk-text-3);
    font-size: var(--tk-size-2);
  }
  .tk-steps p {
    grid-column: 2 / -1;
    color: var(--tk-text-2);
    font-size: var(--tk-size-2);
    line-height: var(--tk-lead-2);
  }
  .tk-steps .now {
    background: var(--tk-connecting-bg);
  }
  .tk-steps .now .d {
    color: var(--tk-text-2);
  }
  .tk-steps .todo {
    color: var(--tk-text-3);
  }
  .preview {
    padding: 12px 12px 0;
  }
  @media (max-width: 1099px) {
    .side {
      grid-template-columns: minmax(0, 1fr);
    }
  }
  @media (max-width: 639px) {
    .tk-stepper li:not([aria-current]) {
      display: none;
    }
    .tk-stepper li::before {
      display: none;
    }
    .tk-stepper li::after {
      content: 'of 3';
      color: var(--tk-text-3);
      font-weight: var(--tk-weight);
    }
  }
`;
