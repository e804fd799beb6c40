/** How a picture came to this viewer, or where it stopped. Pure. */
import type { FirstPicture } from '../resources/camera-feed.ts';
import { transportName } from './path-name.ts';
import type { StatsSample } from './statistics.ts';
import type { SubscriptionFacts, TileView } from './tile-facts.ts';
import { duration } from './wording.ts';

export type JourneyStep = {
  id: string;
  label: string;
  value: string;
  state: 'done' | 'todo' | 'failed';
};

export type JourneyInput = {
  tunnelOnline: boolean;
  onlineSinceMs: number | null;
  first: FirstPicture | null;
  subscription: SubscriptionFacts;
  sample: StatsSample | null;
  view: TileView | null;
  nowMs: number;
};

/** Milliseconds from the click to a step; a step that was done before needs no time. */
function since(startedAtMs: number, atMs: number | null): string | null {
  if (atMs === null) return null;
  const ms = Math.round(atMs - startedAtMs);
  return ms <= 0 ? 'was open' : `${String(ms)} ms`;
}

export function journeySteps(input: JourneyInput): JourneyStep[] {
  const { first, subscription, view, nowMs } = input;
  const tunnel: JourneyStep = {
    id: 'tunnel',
    label: 'Camera tunnel',
    value: input.tunnelOnline
      ? input.onlineSinceMs === null
        ? 'up'
        : `up ${duration(nowMs - input.onlineSinceMs)}`
      : 'down',
    state: input.tunnelOnline ? 'done' : 'failed',
  };
  if (first !== null && (view === null || view.picture === 'shown')) {
    const relay = transportName(input.sample);
    const relayed = since(first.startedAtMs, first.relayedAtMs);
    const values: [string, string, string | null][] = [
      ['access', 'Your access', since(first.startedAtMs, first.sessionAtMs)],
      ['relay', 'Relay', [relay, relayed].filter((part) => part !== null).join(', ')],
      ['connected', 'Connected', since(first.startedAtMs, first.connectedAtMs)],
      ['packet', 'First packet', since(first.startedAtMs, first.packetAtMs)],
      ['picture', 'First picture', since(first.startedAtMs, first.shownAtMs)],
    ];
    return [
      tunnel,
      ...values.map(([id, label, value]): JourneyStep => ({ id, label, value: value ?? '–', state: 'done' })),
    ];
  }
  return [tunnel, ...stoppedSteps(subscription, view, input.tunnelOnline)];
}

function stoppedSteps(
  subscription: SubscriptionFacts,
  view: TileView | null,
  tunnelOnline: boolean,
): JourneyStep[] {
  const order = ['access', 'relay', 'camera', 'picture'] as const;
  const labels = {
    access: 'Your access',
    relay: 'Relay',
    camera: 'Camera video',
    picture: 'First picture',
  } as const;
  const done = {
    access: subscription.waitsFor !== 'access',
    relay: subscription.waitsFor === 'picture',
    camera: subscription.stepsDone >= 3 && view?.row !== 13,
    picture: false,
  };
  let failedAt: (typeof order)[number] | null = null;
  if (subscription.refusal !== null) failedAt = 'access';
  else if (subscription.blockedTransports !== null) failedAt = 'relay';
  else if (view?.row === 13) failedAt = 'camera';
  return order.map((id): JourneyStep => {
    if (id === failedAt) return { id, label: labels[id], value: 'failed', state: 'failed' };
    if (done[id]) return { id, label: labels[id], value: 'ready', state: 'done' };
    return { id, label: labels[id], value: tunnelOnline ? 'waiting' : 'needs the camera', state: 'todo' };
  });
}

/** The strip's title: the time to the first picture, or the question. */
export function journeyTitle(first: FirstPicture | null, view: TileView | null): string {
  if (first !== null && (view === null || view.picture === 'shown')) {
    return `First picture in ${String(Math.max(0, Math.round(first.shownAtMs - first.startedAtMs)))} ms`;
  }
  return view !== null && view.row !== 11 && view.row !== 9 ? 'Why is it black?' : 'On its way to you';
}

/** The strip as text, for a support request. */
export function journeyText(
  name: string,
  title: string,
  steps: JourneyStep[],
  view: TileView | null,
): string {
  const sentence = view?.cover === null || view === null ? '' : `${view.cover.title}. ${view.cover.text}`;
  return [`${name}: ${title}`, sentence, ...steps.map((step) => `${step.label}: ${step.value}`)]
    .filter((line) => line !== '')
    .join('\n');
}
