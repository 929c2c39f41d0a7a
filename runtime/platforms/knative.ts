// The runtime as a Knative service: one route for an action, which comes with the environment or with a request. The
// contract is that of OpenWhisk's stock runtime; what we add is readiness that waits for code and models, and that a
// plain HTTP call runs the action.
import type { Express, RequestHandler } from 'express';
import type { KnativeConfig } from '../config.ts';
import type { Container } from '../container.ts';
import { bytesOf } from '../handlers/body.ts';
import { handleHealth } from '../handlers/health.ts';
import { sendActivationReply, sendJson } from '../handlers/send.ts';
import { artifactCount } from '../artifact-count.ts';
import { artifactsSchema, type Artifacts, type InitValue } from '../protocol.ts';
import { addExtensionRoutes, addFallback, newApp, rawBody } from '../server.ts';
import { EnvelopeError, parametersOf, parseServiceRequest, type HttpCall } from './knative-request.ts';
import { webResponseOf } from './web-response.ts';

const internalError = { error: 'internal error during request processing.' };

/** The action of the environment could not be made ready; the message says why. */
export class ServiceStartError extends Error {}

export class KnativeService {
  private readonly container: Container;
  private readonly config: KnativeConfig;
  private raw: boolean;
  private isPrepared: boolean;

  constructor(container: Container, config: KnativeConfig) {
    this.container = container;
    this.config = config;
    this.raw = config.raw;
    this.isPrepared = config.action === undefined;
  }

  /**
   * Loads what the action of the environment declares and initialises its code: from then on the service is ready.
   * @throws ServiceStartError, ExtensionError
   */
  async prepare(): Promise<void> {
    const { action, preload } = this.config;
    if (action === undefined) return;
    const artifacts = preload === undefined ? { models: [], libraries: [] } : declared(preload);
    const isToBeLoaded = action.binary || artifactCount(artifacts) > 0;
    const owner = isToBeLoaded ? await this.load(action, artifacts) : {};
    const reply = await this.container.init({ ...action, env: owner });
    if (reply.status !== 200) throw new ServiceStartError(`The action of __OW_ACTION_CODE does not start: ${Buffer.from(reply.body).toString('utf8')}`);
    this.isPrepared = true;
  }

  /** @returns the environment by which /init finds what has been loaded */
  private async load(action: NonNullable<KnativeConfig['action']>, artifacts: Artifacts): Promise<Record<string, string>> {
    const namespace = this.config.namespace === '' ? 'service' : this.config.namespace;
    const name = action.name === '' ? 'action' : action.name.replace(/^\//, '');
    const qualifiedName = name.includes('/') ? name : `${namespace}/${name}`;
    const version = this.config.version;
    await this.container.load({ action: qualifiedName, version, namespace, artifacts, code: action });
    return { __OW_ACTION_NAME: `/${qualifiedName}`, __OW_NAMESPACE: namespace, __OW_ACTION_VERSION: version };
  }

  /** The application. @param token without one, there are no routes beyond the service's own: a service is public */
  createApp(token: string | undefined): Express {
    const app = newApp();
    for (const method of this.config.methods) app[method]('/', rawBody, this.handleCall());
    app.get('/healthz', handleHealth());
    app.get('/readyz', (_request, response) => {
      const ready = this.isPrepared && this.container.isReady;
      sendJson(response, ready ? 200 : 503, { ready });
    });
    if (token !== undefined) addExtensionRoutes(app, this.container, token);
    addFallback(app);
    return app;
  }

  private handleCall(): RequestHandler {
    return async (request, response) => {
      if (!this.isPrepared) {
        sendJson(response, 503, { error: 'The service is starting.' });
        return;
      }
      const call: HttpCall = { method: request.method, headers: request.headers, query: { ...request.query }, body: bytesOf(request.body) };
      const parsed = parsedOrRefused(call);
      // Who brings code to a service that has its own is refused, as by the stock runtime.
      if (parsed === undefined || (parsed.init !== undefined && this.config.action !== undefined)) {
        sendJson(response, 500, internalError);
        return;
      }
      if (parsed.init !== undefined) {
        const reply = await this.initialise(parsed.init, parsed.raw);
        if (reply.status !== 200 || parsed.run === undefined) {
          sendActivationReply(response, reply);
          return;
        }
      }
      const { run } = parsed;
      if (run === undefined) return;
      const value = parametersOf(call, run, this.raw, this.config.namespace);
      const reply = await this.container.run(Buffer.from(JSON.stringify({ ...run.activation, value })));
      const web = webResponseOf(reply, request.get('access-control-request-headers'));
      response.writeHead(web.status, { ...web.headers, ...(web.status === 204 || web.status === 304 ? {} : { 'content-length': web.body.length }) });
      response.end(web.body);
    };
  }

  private async initialise(init: InitValue, raw: boolean): ReturnType<Container['init']> {
    const reply = await this.container.init(init);
    if (reply.status === 200) this.raw = raw;
    return reply;
  }
}

function parsedOrRefused(call: HttpCall): ReturnType<typeof parseServiceRequest> | undefined {
  try {
    return parseServiceRequest(call);
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined;
    throw error;
  }
}

function declared(preload: string): Artifacts {
  try {
    return artifactsSchema.parse(JSON.parse(preload));
  } catch {
    throw new ServiceStartError('INSTAINFER_PRELOAD is not what a preload annotation holds: {"models":[{"name":…,"store":…}],"libraries":[…]}.');
  }
}
