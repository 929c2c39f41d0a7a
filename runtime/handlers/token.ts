// The bearer token of the routes beyond OpenWhisk's own.
import type { IncomingMessage } from 'node:http';
import { isSameSecret } from '../../common/same-secret.ts';

/** @param token undefined: everybody may */
export function isAuthorised({ headers }: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  return isSameSecret(headers.authorization ?? '', `Bearer ${token}`);
}
