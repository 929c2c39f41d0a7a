// What this very process holds, for a slot that measures its own loads.
import { readFileSync } from 'node:fs';

/** Anonymous memory of this process. */
export function privateBytes(): number {
  const match = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  return Number(match?.[1] ?? 0) * 1024;
}
