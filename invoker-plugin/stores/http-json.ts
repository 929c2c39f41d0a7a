// One HTTP exchange with a store: JSON in and out, Basic authentication, a time limit. What a status means is the caller's.
import { basicAuthorization } from '../../common/basic-authorization.ts';

export interface HttpTarget {
  /** Without a slash at the end. */
  readonly baseUrl: string;
  /** `user:password`, used as it is. A secret: never log it. */
  readonly credentials: string | undefined;
  readonly timeoutMs: number;
}

export interface HttpReply {
  readonly status: number;
  readonly body: Buffer;
}

/** @throws whatever `fetch` throws when there is no answer in time */
export async function exchange(target: HttpTarget, method: 'GET' | 'POST', path: string, more: { body?: string; headers?: Record<string, string> } = {}): Promise<HttpReply> {
  const response = await fetch(`${target.baseUrl}${path}`, {
    method,
    headers: {
      accept: 'application/json',
      ...(target.credentials === undefined ? {} : { authorization: basicAuthorization(target.credentials) }),
      ...(more.body === undefined ? {} : { 'content-type': 'application/json' }),
      ...more.headers,
    },
    ...(more.body === undefined ? {} : { body: more.body }),
    signal: AbortSignal.timeout(target.timeoutMs),
  });
  return { status: response.status, body: Buffer.from(await response.arrayBuffer()) };
}
