// From an HTTP request to the arguments of a web action: pure. Which action a path names, what its annotations say of it, and
// what it is told of the request.
// Wire facts: core/controller/WebActions.scala of Apache OpenWhisk.
import type { Parameter } from '../store/entity.ts';
import type { ActionPlace } from './access.ts';
import { ApiError, malformed } from './api-error.ts';
import { isEntityName } from './call.ts';
import { mediaTypeOf } from './media-type.ts';

export const webExtensions = ['http', 'json', 'html', 'svg', 'text'] as const;
export type WebExtension = (typeof webExtensions)[number];

export interface WebTarget {
  readonly place: ActionPlace;
  readonly extension: WebExtension;
  /** What follows the action in the path, as it was sent; empty or from a slash on. */
  readonly path: string;
  /** What follows the `?`, as it was sent. */
  readonly query: string;
}

/** @param url below `/api/v1/web`: `/NAMESPACE/PACKAGE/ACTION[.EXTENSION][/PATH][?QUERY]`. Undefined where it names no action */
export function webTargetOf(url: string): WebTarget | undefined {
  const [address = '', ...queries] = url.split('?');
  const [, ...segments] = address.split('/');
  const [namespace, packageName, action] = segments.slice(0, 3).map(decoded);
  if (namespace === undefined || packageName === undefined || action === undefined) return undefined;
  const extension = webExtensions.find((known) => action.endsWith(`.${known}`));
  const name = extension === undefined ? action : action.slice(0, -extension.length - 1);
  if (![namespace, packageName, name].every(isEntityName)) return undefined;
  return {
    place: { namespace, packageName: packageName === 'default' ? undefined : packageName, name },
    extension: extension ?? 'http',
    path: segments.slice(3).map((segment) => `/${segment}`).join(''),
    query: queries.join('?'),
  };
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** What an action's annotations say of its being a web action. */
export interface WebRules {
  readonly isExported: boolean;
  /** The action gets requests as they are. */
  readonly isRaw: boolean;
  /** The action answers OPTIONS itself, and sets its own cross-origin headers. */
  readonly hasOwnOptions: boolean;
  /** Undefined where anybody may call; true: whoever has a key; a text: whoever sends it in `x-require-whisk-auth`; false: nobody. */
  readonly secret: string | boolean | undefined;
}

export function webRulesOf(annotations: readonly Parameter[]): WebRules {
  const valueOf = (name: string): unknown => annotations.find(({ key }) => key === name)?.value;
  const secret = valueOf('require-whisk-auth');
  return {
    isExported: valueOf('web-export') === true,
    isRaw: valueOf('raw-http') === true,
    hasOwnOptions: valueOf('web-custom-options') === true,
    secret: secret === undefined || secret === true || typeof secret === 'string' ? secret : typeof secret === 'number' && String(secret),
  };
}

export interface WebRequest {
  readonly method: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly path: string;
  readonly query: string;
  readonly body: Buffer;
  /** The caller's namespace, where it has shown a key. */
  readonly user: string | undefined;
}

const reserved = ['__ow_method', '__ow_headers', '__ow_path', '__ow_user', '__ow_query', '__ow_body'];

/**
 * What the action is called with, beside its own parameters.
 * @param protectedNames what the request may not set, beside what is reserved
 * @throws ApiError 400
 */
export function webArguments({ method, headers, path, query, body, user }: WebRequest, isRaw: boolean, protectedNames: readonly string[]): Record<string, unknown> {
  const context = { __ow_method: method.toLowerCase(), __ow_headers: headers, __ow_path: path, ...(user === undefined ? {} : { __ow_user: user }) };
  const content = contentOf(body, headers['content-type'], isRaw);
  if (isRaw) return { ...context, __ow_query: query, __ow_body: content ?? '' };
  const asked = Object.fromEntries(new URLSearchParams(query));
  const sent = typeof content === 'object' && content !== null && !Array.isArray(content) ? (content as Record<string, unknown>) : undefined;
  const isRefused = [...Object.keys(asked), ...Object.keys(sent ?? {})].some((name) => reserved.includes(name) || protectedNames.includes(name));
  if (isRefused) throw new ApiError(400, 'Request defines parameters that are not allowed (e.g., reserved properties).');
  return { ...context, ...asked, ...(sent ?? (content === undefined ? {} : { __ow_body: content })) };
}

/** The body: JSON and forms are read unless the action takes requests as they are; text is text, everything else base64. @throws ApiError 400 */
function contentOf(body: Buffer, header: string | undefined, isRaw: boolean): unknown {
  if (body.length === 0 && header === undefined) return undefined;
  const type = mediaTypeOf(header ?? 'application/octet-stream');
  if (type?.isJson === true && !isRaw) return body.length === 0 ? undefined : parsed(body);
  if (type?.name === 'application/x-www-form-urlencoded' && !isRaw) return Object.fromEntries(new URLSearchParams(body.toString('utf8')));
  const isText = type !== undefined && !type.isBinary && type.name !== 'application/json';
  return body.toString(isText ? 'utf8' : 'base64');
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : String(error));
  }
}
