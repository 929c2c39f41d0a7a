// What an action's annotations ask for and what it gets, in words: the same on every screen.
import type { WishesView } from './views.ts';

/** Such as `pinned in 1 of 2 containers; priority 2`. */
export function wishesText({ pinnedPlaces, grantedPins, heldPins, priority, idleMs }: Omit<WishesView, 'text'>): string {
  const parts: string[] = [];
  if (pinnedPlaces > 0) parts.push(`pinned in ${heldPins} of ${pinnedPlaces} containers${grantedPins < pinnedPlaces ? ` (--most-pinned-memory allows ${grantedPins})` : ''}`);
  if (priority !== 1) parts.push(`priority ${priority}`);
  if (idleMs !== undefined) parts.push(idleMs === 0 ? 'never loaded ahead' : `given back after ${idleMs / 1000} s without a call`);
  return parts.join('; ');
}
