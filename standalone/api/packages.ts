// The routes of packages: list, create, update, get, delete.
import { Router, type Request } from 'express';
import { removeAction } from './actions.ts';
import { visiblePackage } from './access.ts';
import { answering, type ApiContext } from './api-context.ts';
import { ApiError, conflict, wrongCollection } from './api-error.ts';
import { entityBodyOf, nameOf, namespaceOf, ownNamespaceOf, pageOf, switchOf, type ApiResponse } from './call.ts';
import { packageOfBody } from './entity-bodies.ts';
import { packageListEntry, packageView } from './entity-views.ts';
import type { StoredAction } from '../store/entity.ts';

/** Names that OpenWhisk keeps for itself. */
const reservedNames = ['default'];

export function packageRoutes({ system, clock }: ApiContext): Router {
  const { entities } = system;
  const router = Router({ mergeParams: true });
  const actionsOf = (namespace: string, name: string): StoredAction[] => entities.list(namespace, 'action').filter((action) => action.namespace === `${namespace}/${name}`);

  /** Another's list shows what is published. */
  const list = (request: Request, response: ApiResponse): unknown => {
    const namespace = namespaceOf(request, response);
    const isOwn = namespace === response.locals.user.namespace.name;
    const packages = entities.list(namespace, 'package').filter(({ publish }) => isOwn || publish);
    if (switchOf(request, 'count', false)) return { packages: packages.length };
    const { skip, limit } = pageOf(request, 'packages');
    return packages.slice(skip, skip + limit).map(packageListEntry);
  };
  const put = async (request: Request, response: ApiResponse): Promise<unknown> => {
    const name = nameOf(request, 'name');
    const namespace = ownNamespaceOf(request, response, name);
    if (reservedNames.includes(name)) throw new ApiError(400, `Package name '${name}' is reserved.`);
    const body = entityBodyOf(request);
    return entities.exclusively(`${namespace}/${name}`, async () => {
      const former = entities.get(`${namespace}/${name}`);
      if (former !== undefined && former.type !== 'package') throw wrongCollection();
      if (former !== undefined && !switchOf(request, 'overwrite', false)) throw conflict();
      const written = packageOfBody(body, former, { namespace, name, at: Math.floor(clock.now()) });
      await entities.put(written);
      return packageView(written, undefined);
    });
  };
  const remove = async (request: Request, response: ApiResponse): Promise<unknown> => {
    const name = nameOf(request, 'name');
    const namespace = ownNamespaceOf(request, response, name);
    return entities.exclusively(`${namespace}/${name}`, async () => {
      const found = visiblePackage(entities, response.locals.user, namespace, name);
      const inside = actionsOf(namespace, name);
      if (inside.length > 0 && !switchOf(request, 'force', false)) {
        throw new ApiError(409, `Package not empty (contains ${inside.length} ${inside.length === 1 ? 'entity' : 'entities'}). Set force param or delete package contents.`);
      }
      for (const action of inside) await removeAction(system, action);
      await entities.delete(`${namespace}/${name}`);
      return packageView(found, undefined);
    });
  };

  router.get('/', answering(list));
  router.get('/:name', answering((request, response) => {
    const [namespace, name] = [namespaceOf(request, response), nameOf(request, 'name')];
    return packageView(visiblePackage(entities, response.locals.user, namespace, name), actionsOf(namespace, name));
  }));
  router.put('/:name', answering(put));
  router.delete('/:name', answering(remove));
  return router;
}
