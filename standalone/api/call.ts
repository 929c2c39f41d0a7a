// One request to the API: its caller, its transaction, its query and its body, each read with the errors that OpenWhisk gives.
import type { Request, Response } from 'express';
import type { z } from 'zod';
import type { TransactionId, User } from '../../common/messages/identity.ts';
import { ApiError, malformed, notAuthorized } from './api-error.ts';

/** What the steps before a route have found out; in `response.locals`. */
export interface CallLocals {
  transid: TransactionId;
  user: User;
}

export type ApiResponse = Response<unknown, CallLocals & Record<string, unknown>>;

/** Largest payload of an invocation, and largest parameters or annotations of an entity. */
export const mostParameterBytes = 1024 * 1024;
/** Largest code of an action (`whisk.exec-size-limit`), as text. */
export const mostCodeBytes = 48 * 1024 * 1024;

/** What pages of other sites may send (CorsSettings.scala). */
export const usualAllowedHeaders = 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent';

const entityName = /^(?:\w|\w[\w@ .&-]{0,254}[\w@.&-])$/;

export const isEntityName = (text: string): boolean => entityName.test(text);

/** A part of the path. @throws ApiError 400 */
export function nameOf(request: Request, parameter: string): string {
  const name = request.params[parameter];
  if (typeof name !== 'string' || !isEntityName(name)) throw new ApiError(400, `'${String(name)}' is no name of an entity: letters, digits, _ first, then also @ . & - and spaces, 256 at most.`);
  return name;
}

/** The namespace of the path; `_` is the caller's own. */
export function namespaceOf(request: Request, response: ApiResponse): string {
  const namespace = request.params['namespace'];
  return namespace === '_' || namespace === undefined ? response.locals.user.namespace.name : String(namespace);
}

/** The same where only its owner may go on. @throws ApiError 403 */
export function ownNamespaceOf(request: Request, response: ApiResponse, resource?: string): string {
  const namespace = namespaceOf(request, response);
  if (namespace !== response.locals.user.namespace.name) throw notAuthorized(resource === undefined ? namespace : `${namespace}/${resource}`);
  return namespace;
}

export function queryOf(request: Request, name: string): string | undefined {
  const value = request.query[name];
  return typeof value === 'string' ? value : undefined;
}

/** @throws ApiError 400 */
export function switchOf(request: Request, name: string, otherwise: boolean): boolean {
  const text = queryOf(request, name);
  if (text === undefined || text === '') return otherwise;
  if (text !== 'true' && text !== 'false') throw new ApiError(400, `The query parameter '${name}' was malformed:\n'${text}' is not a valid Boolean value`);
  return text === 'true';
}

/** @throws ApiError 400 */
export function integerOf(request: Request, name: string): number | undefined {
  const text = queryOf(request, name);
  if (text === undefined) return undefined;
  if (!/^-?\d{1,16}$/.test(text)) throw new ApiError(400, `The query parameter '${name}' was malformed:\n'${text}' is not a valid integer value`);
  return Number(text);
}

const defaultListLimit = 30;
const mostListed = 200;

/** `skip` and `limit` of a list; a limit of 0 is the largest there is. @throws ApiError 400 */
export function pageOf(request: Request, collection: string): { readonly skip: number; readonly limit: number } {
  const limit = integerOf(request, 'limit') ?? defaultListLimit;
  const skip = integerOf(request, 'skip') ?? 0;
  if (limit < 0 || limit > mostListed) throw new ApiError(400, `The value '${limit}' is not in the range of 0 to ${mostListed} for ${collection}.`);
  if (skip < 0) throw new ApiError(400, `The value '${skip}' is not in the range of 0 to ${Number.MAX_SAFE_INTEGER} for ${collection}.`);
  return { skip, limit: limit === 0 ? mostListed : limit };
}

/** The body as JSON; undefined for an empty one. @throws ApiError 400 */
export function jsonOf(request: Request): unknown {
  const body: unknown = request.body;
  if (!Buffer.isBuffer(body) || body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (error) {
    throw malformed(error instanceof Error ? error.message : String(error));
  }
}

/** The same for an entity, which comes as JSON or not at all. @throws ApiError 400, 415 */
export function entityBodyOf(request: Request): unknown {
  if (!/^application\/json\b/i.test(request.get('content-type') ?? '')) throw new ApiError(415, "The request's Content-Type is not supported. Expected:\napplication/json");
  return jsonOf(request);
}

/** What a body says, when it has the shape; an absent one is an empty object. @throws ApiError 400 */
export function checkedBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body ?? {});
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw malformed(`${issue?.path.join('.') || 'the body'}: ${issue?.message ?? 'invalid'}`);
}
