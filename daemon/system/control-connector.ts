/** Opens control connections to TURN and SFU services and checks who answers. */
import {
  sfuControlEvents,
  sfuControlMethods,
  turnControlEvents,
  turnControlMethods,
} from '../contract/control.ts';
import { AdapterError } from '../kit/errors.ts';
import type {
  ControlConnector,
  ControlLink,
  ServiceRef,
  SfuControl,
  SfuControlEvent,
  TurnControl,
} from '../namespaces/system.ts';
import { ControlClient, type Hello } from './control-client.ts';

const CONNECT_TIMEOUT_MS = 3000;
const DRAIN_ORDER_TIMEOUT_MS = 2000;

export class UnixControlConnector implements ControlConnector {
  async turn(
    path: string,
    options: { namespace: string; onClose: () => void },
  ): Promise<ControlLink<TurnControl>> {
    const { client, hello } = await ControlClient.open({
      path,
      methods: turnControlMethods,
      events: turnControlEvents,
      timeoutMs: CONNECT_TIMEOUT_MS,
      onClose: options.onClose,
    });
    return checked(path, client, hello, { kind: 'turn', namespace: options.namespace });
  }

  async sfu(
    path: string,
    options: { namespace: string; onClose: () => void; onEvent: (event: SfuControlEvent) => void },
  ): Promise<ControlLink<SfuControl>> {
    const { client, hello } = await ControlClient.open({
      path,
      methods: sfuControlMethods,
      events: sfuControlEvents,
      timeoutMs: CONNECT_TIMEOUT_MS,
      onClose: options.onClose,
      onEvent: options.onEvent,
    });
    return checked(path, client, hello, { kind: 'sfu', namespace: options.namespace });
  }
}

/** Asks who listens on a control socket. @returns undefined when nobody answers in time. */
export async function askHello(path: string, timeoutMs: number): Promise<Hello | undefined> {
  try {
    const { client, hello } = await ControlClient.open({ path, methods: {}, events: {}, timeoutMs });
    client.close();
    return hello;
  } catch {
    return undefined; // Not there, or not one of ours: both mean that nobody of ours answers.
  }
}

/** Tells a service, of either kind, to take no new work and to end when empty. Rejects when it does not take the order. */
export async function orderDrain(path: string, deadlineMs: number): Promise<void> {
  const { client } = await ControlClient.open({
    path,
    methods: { drain: turnControlMethods.drain },
    events: {},
    timeoutMs: DRAIN_ORDER_TIMEOUT_MS,
  });
  try {
    await client.call('drain', { deadlineMs });
  } finally {
    client.close();
  }
}

function checked<Kind extends { close(): void }>(
  path: string,
  client: Kind,
  hello: Hello,
  wanted: ServiceRef,
): ControlLink<Kind> {
  if (hello.service !== wanted.kind || hello.namespace !== wanted.namespace) {
    client.close();
    throw new AdapterError(`Behind ${path} answers ${hello.service} of ${hello.namespace}.`, {
      operation: 'control',
      target: path,
    });
  }
  return {
    control: client,
    pid: hello.pid,
    startedAtMs: hello.startedAtMs,
    close: () => {
      client.close();
    },
  };
}
