// Whether somebody has shown a secret, told in a time that says nothing of how much of it was right.
import { createHash, timingSafeEqual } from 'node:crypto';

export function isSameSecret(given: string | Buffer, expected: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(expected));
}

function digestOf(secret: string | Buffer): Buffer {
  return createHash('sha256').update(secret).digest();
}
