// Action documents through the controller's own API, for deployments whose database an invoker does not reach. Each is
// fetched with the key of the user whose activation asks for it. The API shows no revision: a document is kept under the
// revision of the message that asked, and fetched again for a new one.
// Wire facts: core/controller/Actions.scala, fetchEntity.
import type { ActionCatalog, ActionDocument, CatalogAccess } from '../../common/action-document.ts';
import { parseActionKey, type ActionKey } from '../../common/action-identity.ts';
import { AppError } from '../../common/errors.ts';
import { documentOf, readActionEntity, unreadableAction } from './action-entity.ts';
import { DocumentCache } from './document-cache.ts';
import { exchange, type HttpReply } from './http-json.ts';

export interface ControllerCatalogOptions {
  /** Such as `https://openwhisk.example`. */
  readonly apiHost: string;
  readonly timeoutMs: number;
  readonly cacheBytes: number;
}

export class ControllerCatalog implements ActionCatalog {
  private readonly options: ControllerCatalogOptions;
  private readonly cache: DocumentCache;

  constructor(options: ControllerCatalogOptions) {
    this.options = options;
    this.cache = new DocumentCache(options.cacheBytes);
  }

  /** Without a user's key, only what an earlier activation has fetched is found. */
  async find(actionKey: ActionKey, access?: CatalogAccess): Promise<ActionDocument | undefined> {
    const { revision } = parseActionKey(actionKey);
    const apiKey = access?.apiKey;
    if (apiKey === undefined) return this.cache.get(actionKey);
    const fetch = (): Promise<ActionDocument | undefined> => this.fetch(actionKey, apiKey);
    // The caller is part of the key: what one user may see is not shown to another.
    return revision === undefined ? this.cache.once(actionKey, fetch) : this.cache.getOrFetch(actionKey, fetch, () => [actionKey]);
  }

  /** The API tells nothing to a caller without a key. */
  findLatest(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  private async fetch(actionKey: ActionKey, apiKey: string): Promise<ActionDocument | undefined> {
    const { qualifiedName } = parseActionKey(actionKey);
    const [namespace = '', ...path] = qualifiedName.split('/').map(encodeURIComponent);
    const reply = await this.get(`/api/v1/namespaces/${namespace}/actions/${path.join('/')}?code=true`, apiKey);
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) {
      throw new AppError('CATALOG_UNAVAILABLE', `The controller answered ${reply.status} to the request for action ${qualifiedName}.`, 'Actions of packages that may only be executed need --catalog couchdb.');
    }
    let json: unknown;
    try {
      json = JSON.parse(reply.body.toString('utf8'));
    } catch {
      throw unreadableAction(qualifiedName, "the controller's answer is not JSON");
    }
    const entity = readActionEntity(qualifiedName, json);
    if (typeof entity.exec.code !== 'string') throw unreadableAction(qualifiedName, 'it has no code');
    return { ...documentOf(entity, entity.exec.code, undefined), actionKey };
  }

  private async get(path: string, apiKey: string): Promise<HttpReply> {
    const { apiHost, timeoutMs } = this.options;
    try {
      return await exchange({ baseUrl: apiHost, credentials: apiKey, timeoutMs }, 'GET', path);
    } catch (cause) {
      throw new AppError('CATALOG_UNAVAILABLE', `The controller's API at ${apiHost} does not answer.`, 'Check --api-host.', { cause });
    }
  }
}
