// The routes of actions: list, create, update, get, delete. Invoking them is in invocations.ts.
import { Router, type Request } from 'express';
import { actionKeyOf } from '../../common/action-identity.ts';
import { qualifiedNameOf, type StoredAction } from '../store/entity.ts';
import { qualifiedNameOfPlace, requireAccess, visibleAction, type ActionPlace } from './access.ts';
import { answering, type ApiContext } from './api-context.ts';
import { ApiError, conflict, notFound, wrongCollection } from './api-error.ts';
import { entityBodyOf, nameOf, namespaceOf, ownNamespaceOf, pageOf, switchOf, type ApiResponse } from './call.ts';
import { actionOfBody } from './entity-bodies.ts';
import { actionListEntry, actionView } from './entity-views.ts';
import { invokeAction } from './invocations.ts';

/** @throws ApiError 400 */
export function placeOf(request: Request, response: ApiResponse): ActionPlace {
  const packageName = request.params['package'] === undefined || request.params['package'] === '_' ? undefined : nameOf(request, 'package');
  return { namespace: namespaceOf(request, response), packageName, name: nameOf(request, 'name') };
}

export function actionRoutes(context: ApiContext): Router {
  const { entities } = context.system;
  const router = Router({ mergeParams: true });

  const list = (request: Request, actions: readonly StoredAction[]): unknown => {
    if (switchOf(request, 'count', false)) return { actions: actions.length };
    const { skip, limit } = pageOf(request, 'actions');
    return actions.slice(skip, skip + limit).map(actionListEntry);
  };
  const listPackage = (request: Request, response: ApiResponse): unknown => {
    const [namespace, packageName] = [namespaceOf(request, response), nameOf(request, 'name')];
    requireAccess(entities, response.locals.user, namespace, packageName, `${namespace}/${packageName}`);
    if (entities.get(`${namespace}/${packageName}`)?.type !== 'package') throw notFound();
    return list(request, entities.list(namespace, 'action').filter((action) => action.namespace === `${namespace}/${packageName}`));
  };
  const get = async (request: Request, response: ApiResponse): Promise<unknown> => {
    const place = placeOf(request, response);
    const found = visibleAction(entities, response.locals.user, place);
    const code = switchOf(request, 'code', true) ? await entities.code(qualifiedNameOfPlace(place)) : undefined;
    return actionView(found.action, found.package, code);
  };

  router.get('/', answering((request, response) => list(request, entities.list(ownNamespaceOf(request, response), 'action'))));
  // `actions/NAME/`, with a slash at its end, is what is in the package of that name.
  router.get('/:name', answering((request, response) => (request.path.endsWith('/') ? listPackage(request, response) : get(request, response))));
  router.get('/:package/:name', answering(get));
  router.put(['/:name', '/:package/:name'], answering((request, response) => putAction(context, request, response)));
  router.delete(['/:name', '/:package/:name'], answering((request, response) => deleteAction(context, request, response)));
  router.post(['/:name', '/:package/:name'], (request, response) => invokeAction(context, request, response as ApiResponse, placeOf(request, response as ApiResponse)));
  return router;
}

async function putAction({ system, clock, limits }: ApiContext, request: Request, response: ApiResponse): Promise<unknown> {
  const { entities } = system;
  const place = placeOf(request, response);
  const qualifiedName = qualifiedNameOfPlace(place);
  ownNamespaceOf(request, response, qualifiedName.slice(place.namespace.length + 1));
  const body = entityBodyOf(request);
  return entities.exclusively(qualifiedName, async () => {
    const around = place.packageName === undefined ? undefined : entities.get(`${place.namespace}/${place.packageName}`);
    if (place.packageName !== undefined && around?.type !== 'package') throw new ApiError(404, `The requested resource '${place.namespace}/${place.packageName}' does not exist.`);
    const former = entities.get(qualifiedName);
    if (former !== undefined && former.type !== 'action') throw wrongCollection();
    if (former !== undefined && !switchOf(request, 'overwrite', false)) throw conflict();
    const namespace = place.packageName === undefined ? place.namespace : `${place.namespace}/${place.packageName}`;
    const { action: written, code } = actionOfBody(body, former, { namespace, name: place.name, at: Math.floor(clock.now()) }, limits);
    const action: StoredAction = { ...written, revision: entities.nextRevision() };
    await entities.put(action, code);
    await system.controller.announce(qualifiedName);
    return actionView(action, undefined, code ?? (await entities.code(qualifiedName)));
  });
}

async function deleteAction({ system }: ApiContext, request: Request, response: ApiResponse): Promise<unknown> {
  const { entities } = system;
  const place = placeOf(request, response);
  const qualifiedName = qualifiedNameOfPlace(place);
  ownNamespaceOf(request, response, qualifiedName.slice(place.namespace.length + 1));
  return entities.exclusively(qualifiedName, async () => {
    const { action } = visibleAction(entities, response.locals.user, place);
    const view = actionView(action, undefined, await entities.code(qualifiedName));
    await removeAction(system, action);
    return view;
  });
}

/** Deletes it, and has what is loaded of it off-loaded. */
export async function removeAction(system: ApiContext['system'], action: StoredAction): Promise<void> {
  const qualifiedName = qualifiedNameOf(action);
  await system.entities.delete(qualifiedName);
  await system.forget(actionKeyOf(qualifiedName, action.version, { revision: action.revision }), qualifiedName);
}
