// The header by which OpenWhisk's servers, its database and their clients say who they are.

/** @param credentials `user:password`, or a key `uuid:key`, used as it is */
export function basicAuthorization(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}
