// Who may call: namespaces and their keys, and the identity that OpenWhisk's messages carry of a caller.
import { hash } from 'node:crypto';
import { AppError } from '../common/errors.ts';
import type { User } from '../common/messages/identity.ts';

/** OpenWhisk's well-known guest key: it protects nothing, and every guide of OpenWhisk's uses it. */
export const guestKey = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP';
export const guestNamespace = 'guest';

const leastNameLength = 5;
const leastKeyLength = 16;

export class Namespaces {
  private readonly users = new Map<string, User>();
  /** By the digest of the key: how long a look-up takes says nothing of how much of a key is right. */
  private readonly byDigest = new Map<string, User>();

  /**
   * @param entries `name=uuid:key`, beside `guest` with its well-known key unless that is among them
   * @throws AppError BAD_OPTION
   */
  constructor(entries: readonly string[] = []) {
    for (const entry of entries) {
      const [, name = '', uuid = '', key = ''] = /^([^=]+)=([^:]+):(.+)$/.exec(entry) ?? [];
      if (!/^\w[\w@ .-]*$/.test(name) || name.length < leastNameLength || key.length < leastKeyLength) {
        // Not the entry itself: it holds a key.
        throw new AppError('BAD_OPTION', `A namespace${name === '' ? '' : ` (${name})`} is not given as NAME=UUID:KEY with a name of ${leastNameLength} characters and a key of ${leastKeyLength} or more.`, 'Write --namespaces team1=UUID:KEY,team2=UUID:KEY; uuidgen and openssl rand -hex 32 make them.');
      }
      this.add(name, uuid, key);
    }
    const [uuid = '', key = ''] = guestKey.split(':');
    if (!this.users.has(guestNamespace)) this.add(guestNamespace, uuid, key);
  }

  /** The caller of a `Basic` authorization header; undefined for a key that nobody has. */
  authenticate(header: string): User | undefined {
    const credentials = /^Basic\s+([A-Za-z0-9+/=]+)$/i.exec(header.trim())?.[1];
    if (credentials === undefined) return undefined;
    return this.byDigest.get(digestOf(Buffer.from(credentials, 'base64')));
  }

  /** The owner of a namespace. */
  userOf(namespace: string): User | undefined {
    return this.users.get(namespace);
  }

  private add(name: string, uuid: string, key: string): void {
    const user: User = { subject: name, namespace: { name, uuid }, authkey: { api_key: `${uuid}:${key}` }, rights: ['READ', 'PUT', 'DELETE', 'ACTIVATE'], limits: {} };
    const digest = digestOf(`${uuid}:${key}`);
    if (this.users.has(name) || this.byDigest.has(digest)) throw new AppError('BAD_OPTION', `Namespace ${name} is given twice, or its key is another's.`, 'Give every namespace once, with a key of its own.');
    this.users.set(name, user);
    this.byDigest.set(digest, user);
  }
}

function digestOf(key: string | Buffer): string {
  return hash('sha256', key);
}
