// Turns the address of a file into requests: http and https as they are, s3 signed with what the environment gives. It
// follows redirects itself, for a server must not lead to other protocols or round in circles.
import { AwsClient } from 'aws4fetch';
import { AppError } from '../../common/errors.ts';

const maxRedirects = 5;
const redirectStatuses = [301, 302, 303, 307, 308];

export type Environment = Readonly<Record<string, string | undefined>>;

const refused = (message: string, fix: string): AppError => new AppError('DOWNLOAD_REFUSED', message, fix);

const urlOf = (text: string, base?: string): URL | null => (URL.canParse(text, base) ? new URL(text, base) : null);

/** @throws AppError BAD_OPTION */
export function parseAddress(text: string): URL {
  const url = urlOf(text);
  if (url === null || !['http:', 'https:', 's3:', 'file:'].includes(url.protocol)) throw new AppError('BAD_OPTION', `'${text}' is no address to pull from.`, 'Write https://…, http://…, s3://BUCKET/KEY or the path of a file.');
  if (url.username !== '' || url.password !== '') throw new AppError('BAD_OPTION', 'An address may not carry a password.', 'Take it out of the address; keys of s3 are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.');
  return url;
}

/** The object's address at AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or Amazon's own of AWS_REGION; bucket in the path. */
function objectAddress(url: URL, env: Environment, region: string): URL {
  const endpoint = env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL'] ?? `https://s3.${region}.amazonaws.com`;
  return new URL(`${endpoint.replace(/\/$/, '')}/${url.host}${url.pathname}`);
}

/** Without keys in the environment the request is not signed: a public bucket answers it. */
async function s3Request(url: URL, headers: Headers, env: Environment): Promise<Request> {
  const region = env['AWS_REGION'] ?? 'us-east-1';
  const address = objectAddress(url, env, region);
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env;
  if (accessKeyId === undefined || secretAccessKey === undefined) return new Request(address, { headers });
  const client = new AwsClient({ accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }), service: 's3', region });
  // The signature covers none of ours: fetch may still change them, as it does accept-encoding beside a range.
  const signed = await client.sign(address.href);
  for (const [name, value] of headers) signed.headers.set(name, value);
  return signed;
}

/**
 * Asks for the file; resolves to the final answer, whatever its status.
 * @throws AppError DOWNLOAD_REFUSED for a redirect that is not followed; TypeError where no server answers
 */
export async function request(url: URL, headers: Headers, env: Environment, signal: AbortSignal): Promise<Response> {
  const isS3 = url.protocol === 's3:';
  let current = isS3 ? await s3Request(url, headers, env) : new Request(url, { headers });
  for (let redirects = 0; ; redirects += 1) {
    const response = await fetch(current, { redirect: 'manual', signal });
    if (!redirectStatuses.includes(response.status)) return response;
    await response.body?.cancel();
    if (isS3) throw refused(`${url.href} is elsewhere: the server answered ${response.status}.`, 'Set AWS_REGION to the region of the bucket.');
    if (redirects === maxRedirects) throw refused(`${url.href} was redirected more than ${maxRedirects} times.`, 'Give the address it ends at.');
    const next = urlOf(response.headers.get('location') ?? '', current.url);
    const isAllowed = next?.protocol === 'https:' || (next?.protocol === 'http:' && url.protocol === 'http:');
    if (next === null || !isAllowed) throw refused(`${url.href} redirects to ${next?.href ?? 'no address'}, which is not followed.`, 'Give an address that leads to https.');
    current = new Request(next, { headers });
  }
}
