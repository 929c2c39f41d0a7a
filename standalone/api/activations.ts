// The routes of activations: list, get, logs, result.
import { Router, type Request } from 'express';
import { whiskActivationSchema, type WhiskActivation } from '../../common/messages/acknowledgement.ts';
import { answering, type ApiContext } from './api-context.ts';
import { ApiError, notFound } from './api-error.ts';
import { integerOf, ownNamespaceOf, pageOf, queryOf, switchOf, type ApiResponse } from './call.ts';
import { activationView, responseView } from './entity-views.ts';

const idLength = 32;

export function activationRoutes({ system: { activations } }: ApiContext): Router {
  const router = Router({ mergeParams: true });

  const find = async (request: Request, response: ApiResponse): Promise<WhiskActivation> => {
    const namespace = ownNamespaceOf(request, response);
    const id = String(request.params['id']);
    if (id.length !== idLength) throw new ApiError(400, `Activation id length is ${id.length} but must be ${idLength}.`);
    if (!/^[0-9a-f]+$/.test(id)) throw new ApiError(400, 'The activation id is not valid.');
    const record = await activations.get(namespace, id);
    if (record === undefined) throw notFound();
    return record;
  };

  router.get('/', async (request, response) => {
    const namespace = ownNamespaceOf(request, response as ApiResponse);
    const docs = switchOf(request, 'docs', false);
    const name = queryOf(request, 'name');
    const query = { name: name === '' ? undefined : name, since: integerOf(request, 'since'), upto: integerOf(request, 'upto') };
    const page = pageOf(request, 'activations');
    if (switchOf(request, 'count', false)) {
      if (docs) throw new ApiError(400, "The parameter 'docs' is not permitted with 'count'.");
      response.json({ activations: Math.max(0, (await activations.count(namespace, query)) - page.skip) });
      return;
    }
    const texts = await activations.list(namespace, query, page, docs);
    const entries = docs ? texts.map((text) => JSON.stringify(activationView(whiskActivationSchema.parse(JSON.parse(text))))) : texts;
    // They are JSON already.
    response.type('application/json').send(`[${entries.join(',')}]`);
  });
  router.get('/:id', answering(async (request, response) => activationView(await find(request, response))));
  router.get('/:id/logs', answering(async (request, response) => ({ logs: (await find(request, response)).logs })));
  router.get('/:id/result', answering(async (request, response) => responseView(await find(request, response))));
  return router;
}
