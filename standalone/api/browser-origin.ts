// Who stands behind a browser's request: any site can have its visitors' browsers ask this server, and knows the guest's key.
import { isIP } from 'node:net';

/**
 * Whether a request with a key that everybody knows may be answered, by its `Origin` and `Host` headers. Clients that are no
 * browser send no origin. Pages of this machine may ask, and pages that came from this server by the number of its address:
 * a name could be made to lead here by whoever owns it.
 *
 * @param origin such as `http://localhost:3233`; `null` of a page that has none of its own
 */
export function mayUseWellKnownKey(origin: string | undefined, host: string | undefined): boolean {
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const { hostname, host: from } = new URL(origin);
  return isOfThisMachine(hostname) || (from === host && isIP(hostname.replace(/^\[|\]$/g, '')) !== 0);
}

function isOfThisMachine(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
