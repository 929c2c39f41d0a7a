// Asking a running standalone server: the options that say which and as whom, and the request.
import { z } from 'zod';
import { basicAuthorization } from '../../common/basic-authorization.ts';
import { switchOption, textOption, type OptionValues } from '../../common/config.ts';
import { AppError, describeError } from '../../common/errors.ts';
import { guestKey } from '../../standalone/namespaces.ts';

export const serverAccessTable = {
  apiHost: textOption({ flag: 'apihost', env: 'INSTAINFER_API_HOST', envAliases: ['WHISK_APIHOST'], description: 'Address of the server; http://localhost:3233 where it is not given.', valueName: 'URL' }),
  auth: textOption({ flag: 'auth', env: 'INSTAINFER_AUTH', envAliases: ['WHISK_AUTH'], description: "Key of the namespace, UUID:KEY; the guest's where it is not given.", valueName: 'UUID:KEY' }),
  json: switchOption({ flag: 'json', env: 'INSTAINFER_JSON', description: 'Prints JSON instead of text.', defaultValue: false }),
} as const;
export type ServerAccess = OptionValues<typeof serverAccessTable>;

const timeoutMs = 10_000;
const errorSchema = z.object({ error: z.string() });

/** With its protocol. */
export function serverAddressOf({ apiHost = 'http://localhost:3233' }: Pick<ServerAccess, 'apiHost'>): string {
  return apiHost.startsWith('http') ? apiHost : `http://${apiHost}`;
}

/** @param route such as `/instainfer/v1/status`. @throws AppError SERVER_UNAVAILABLE, SERVER_REFUSED */
export async function askServer<T>(access: ServerAccess, route: string, schema: z.ZodType<T>, sent?: { readonly method: 'PUT' | 'POST'; readonly body: unknown }): Promise<T> {
  const address = serverAddressOf(access);
  const url = `${address}${route}`;
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(url, {
      headers: { authorization: basicAuthorization(access.auth ?? guestKey), ...(sent === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(sent === undefined ? {} : { method: sent.method, body: JSON.stringify(sent.body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    body = await response.json();
  } catch (cause) {
    throw new AppError('SERVER_UNAVAILABLE', `No server answers at ${address}: ${describeError(cause)}.`, 'Start one with instainfer standalone, or name its address with --apihost.', { cause });
  }
  const parsed = schema.safeParse(body);
  if (response.ok && parsed.success) return parsed.data;
  const error = errorSchema.safeParse(body);
  throw new AppError('SERVER_REFUSED', `${address} answered ${response.status}${error.success ? `: ${error.data.error}` : ''}.`, 'Check --auth, and that what you ask for is there.');
}
