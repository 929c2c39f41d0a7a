// What belongs to no collection: what the deployment is, the caller's namespaces and limits, and what is not there.
import { Router } from 'express';
import { answering, type ApiContext } from './api-context.ts';
import { notSupported } from './api-error.ts';
import { mostParameterBytes, ownNamespaceOf } from './call.ts';
import { defaultKind, logLimitsMegabytes, timeoutLimitsMs, type LimitRules } from './entity-bodies.ts';

const bytesPerMegabyte = 1024 * 1024;

/** Answer of `GET /`, where a person with a browser finds the console. */
export function deploymentInfo({ defaultMemoryMegabytes, mostMemoryMegabytes }: LimitRules): Record<string, unknown> {
  return {
    description: 'InstaInfer standalone, with the API of Apache OpenWhisk',
    support: { github: 'https://github.com/apache/openwhisk/issues', slack: 'http://slack.openwhisk.org' },
    api_paths: ['/api/v1'],
    limits: {
      sequence_length: 0,
      min_action_duration: timeoutLimitsMs.least,
      max_action_duration: timeoutLimitsMs.most,
      min_action_memory: 128 * bytesPerMegabyte,
      max_action_memory: mostMemoryMegabytes * bytesPerMegabyte,
      default_action_memory: defaultMemoryMegabytes * bytesPerMegabyte,
      min_action_logs: logLimitsMegabytes.least,
      max_action_logs: logLimitsMegabytes.most * bytesPerMegabyte,
    },
    runtimes: { nodejs: [{ kind: defaultKind, default: true, deprecated: false, attached: true, requireMain: false }] },
  };
}

/** Answer of `GET /api/v1`, without a key. */
export const apiInfo = {
  description: 'OpenWhisk API',
  api_version: '1.0.0',
  api_version_path: 'v1',
  build: 'instainfer-standalone',
  buildno: 'standalone',
  swagger_paths: { ui: '/docs', 'api-docs': '/api-docs' },
} as const;

export function namespaceRoutes({ limits }: ApiContext): Router {
  const router = Router({ mergeParams: true });
  router.get('/', answering((_request, response) => [response.locals.user.namespace.name]));
  router.get('/:namespace/limits', answering((request, response) => {
    ownNamespaceOf(request, response);
    return {
      maxActionMemory: limits.mostMemoryMegabytes,
      minActionMemory: 128,
      maxActionTimeout: timeoutLimitsMs.most,
      minActionTimeout: timeoutLimitsMs.least,
      maxActionLogs: logLimitsMegabytes.most,
      minActionLogs: logLimitsMegabytes.least,
      maxActionConcurrency: limits.mostConcurrency,
      minActionConcurrency: 1,
      maxParameterSize: `${mostParameterBytes} B`,
      allowedKinds: ['*'],
      storeActivations: true,
    };
  }));
  return router;
}

/** Triggers and rules: none are there, and none can be made. */
export function absentRoutes(what: 'Triggers' | 'Rules'): Router {
  const router = Router({ mergeParams: true });
  router.get('/', answering((request, response) => {
    ownNamespaceOf(request, response);
    return request.query['count'] === 'true' ? { [what.toLowerCase()]: 0 } : [];
  }));
  router.use(() => {
    throw notSupported(`${what} are`);
  });
  return router;
}
