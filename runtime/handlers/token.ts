// The bearer token of the routes beyond OpenWhisk's own.
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** @param token undefined: everybody may */
export function isAuthorised({ headers }: IncomingMessage, token: string | undefined): boolean {
  if (token === undefined) return true;
  const expected = Buffer.from(`Bearer ${token}`);
  const given = Buffer.from(headers.authorization ?? '');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
