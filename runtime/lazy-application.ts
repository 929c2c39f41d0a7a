// The Express application, loaded when a request first needs it or shortly after the container is in use.
import type { RequestListener } from 'node:http';
import type { Container } from './container.ts';
import type { Application } from './handlers/direct.ts';

/** After an initialisation: loading takes 100 ms of processor time, and the run that follows goes first. */
const prepareDelayMs = 500;

export function lazyApplication(container: Container, token: string | undefined): Application {
  let loading: Promise<RequestListener> | undefined;
  let loaded: RequestListener | undefined;
  const load = (): Promise<RequestListener> => {
    loading ??= import('./server.ts').then(({ createApp }) => (loaded = createApp(container, token)));
    return loading;
  };
  return {
    handle: (request, response) => {
      if (loaded !== undefined) loaded(request, response);
      else void load().then((application) => application(request, response));
    },
    prepare: () => {
      if (loading === undefined) setTimeout(() => void load(), prepareDelayMs).unref();
    },
  };
}
