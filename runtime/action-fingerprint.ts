// Tells whether two pieces of action code are the same, without keeping them.
import { createHash } from 'node:crypto';
import type { ActionCode } from './slots/messages.ts';

/** SHA-256 over everything that decides what /init would give. */
export function fingerprintOf({ main, code, binary }: ActionCode): string {
  return createHash('sha256').update(`${binary ? 'binary' : 'source'}\n${main}\n`).update(code).digest('hex');
}
