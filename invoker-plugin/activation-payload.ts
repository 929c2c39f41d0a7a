// What goes into a container for one activation: /init's value with its environment, and /run's body.
// Wire facts: core/entity/WhiskAction.scala (containerInitializer), ContainerProxy.scala (initializeAndRun).
import type { ActionDocument } from '../common/action-document.ts';
import { parseActionKey } from '../common/action-identity.ts';
import type { ActivationMessage } from '../common/messages/activation-message.ts';
import type { InitValue } from '../runtime/protocol.ts';

/** Null becomes "", objects and arrays compact JSON, everything else its text. */
function asEnvironmentText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value as string | number | boolean);
}

/** An action gets the caller's key only when its annotation says so or is missing (the platform writes `false` by default). */
function apiKeyOf(message: ActivationMessage, action: ActionDocument): Record<string, string> {
  const wanted = action.annotations['provide-api-key'];
  const key = message.user.authkey['api_key'];
  return (wanted === undefined || Boolean(wanted)) && typeof key === 'string' ? { api_key: key } : {};
}

/** What of a message's trace context reaches the action: W3C's names and B3's, so that no key of it can stand for another part of the context. */
const traceKeys = /^(?:traceparent|tracestate|b3|x-b3-(?:traceid|spanid|parentspanid|sampled|flags))$/i;

/** `traceparent` becomes `__OW_TRACEPARENT` in the action's environment, `X-B3-TraceId` becomes `__OW_X_B3_TRACEID`. */
function traceOf({ traceContext = {} }: ActivationMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(traceContext)
      .filter(([key]) => traceKeys.test(key))
      .map(([key, value]) => [key.toLowerCase().replaceAll('-', '_'), value]),
  );
}

function contextOf(message: ActivationMessage, action: ActionDocument, deadlineAt: number): Record<string, string> {
  return {
    ...traceOf(message),
    namespace: message.user.namespace.name,
    action_name: `/${action.qualifiedName}`,
    action_version: action.version,
    activation_id: message.activationId,
    transaction_id: message.transid[0],
    deadline: String(Math.round(deadlineAt)),
    ...apiKeyOf(message, action),
  };
}

function isList(content: NonNullable<ActivationMessage['content']>): content is readonly unknown[] {
  return Array.isArray(content);
}

/** The `value` of /init. */
export function initValueOf(message: ActivationMessage, action: ActionDocument, deadlineAt: number): InitValue {
  const content = message.content === undefined || isList(message.content) ? {} : message.content;
  const parameters = message.initArgs.map((name): [string, string] => [name, asEnvironmentText(content[name])]);
  const context = Object.entries(contextOf(message, action, deadlineAt)).map(([key, value]): [string, string] => [`__OW_${key.toUpperCase()}`, value]);
  return {
    name: action.qualifiedName.slice(action.qualifiedName.lastIndexOf('/') + 1),
    main: action.main,
    code: action.code,
    binary: action.binary,
    env: Object.fromEntries([...parameters, ...context]),
    revision: parseActionKey(action.actionKey).revision,
  };
}

/** The body of /run. */
export function runBodyOf(message: ActivationMessage, action: ActionDocument, deadlineAt: number): Record<string, unknown> {
  const content = message.content ?? {};
  const value = isList(content) ? content : Object.fromEntries(Object.entries(content).filter(([name]) => !message.initArgs.includes(name)));
  return { value, ...contextOf(message, action, deadlineAt) };
}
