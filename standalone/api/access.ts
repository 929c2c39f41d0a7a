// Which entities a caller may see: everything of its own namespace, and of another's what is in a package that is published.
import type { User } from '../../common/messages/identity.ts';
import type { Entities } from '../store/entities.ts';
import type { StoredAction, StoredPackage } from '../store/entity.ts';
import { notAuthorized, notFound, wrongCollection } from './api-error.ts';

/** Where an action is: its package is undefined for an action of the namespace itself. */
export interface ActionPlace {
  readonly namespace: string;
  readonly packageName: string | undefined;
  readonly name: string;
}

export function qualifiedNameOfPlace({ namespace, packageName, name }: ActionPlace): string {
  return [namespace, ...(packageName === undefined ? [] : [packageName]), name].join('/');
}

/** @throws ApiError 403 unless the caller owns the namespace, or the package is published */
export function requireAccess(entities: Entities, user: User, namespace: string, packageName: string | undefined, resource: string): void {
  if (namespace === user.namespace.name) return;
  const shared = packageName === undefined ? undefined : entities.get(`${namespace}/${packageName}`);
  if (shared?.type !== 'package' || !shared.publish) throw notAuthorized(resource);
}

/** @throws ApiError 403, 404, 409 */
export function visibleAction(entities: Entities, user: User, place: ActionPlace): { readonly action: StoredAction; readonly package: StoredPackage | undefined } {
  const qualifiedName = qualifiedNameOfPlace(place);
  requireAccess(entities, user, place.namespace, place.packageName, qualifiedName);
  const action = entities.get(qualifiedName);
  if (action === undefined) throw notFound();
  if (action.type !== 'action') throw wrongCollection();
  const around = place.packageName === undefined ? undefined : entities.get(`${place.namespace}/${place.packageName}`);
  return { action, package: around?.type === 'package' ? around : undefined };
}

/** @throws ApiError 403, 404, 409 */
export function visiblePackage(entities: Entities, user: User, namespace: string, name: string): StoredPackage {
  requireAccess(entities, user, namespace, name, `${namespace}/${name}`);
  const found = entities.get(`${namespace}/${name}`);
  if (found === undefined) throw notFound();
  if (found.type !== 'package') throw wrongCollection();
  return found;
}
