// Action documents out of OpenWhisk's entity database in CouchDB, as the stock invoker reads them: by id and revision,
// attachments by the scheme of their name. Documents are immutable under their revision, so they are kept under it.
// Wire facts: core/database/{CouchDbRestStore,AttachmentSupport}.scala.
import { z } from 'zod';
import { forCaller, type ActionCatalog, type ActionDocument } from '../../common/action-document.ts';
import { actionKeyOf, parseActionKey, type ActionKey } from '../../common/action-identity.ts';
import { AppError } from '../../common/errors.ts';
import { documentOf, readActionEntity, unreadableAction, type ActionEntity, type AttachedCode } from './action-entity.ts';
import { DocumentCache } from './document-cache.ts';
import { exchange, type HttpReply, type HttpTarget } from './http-json.ts';

export interface CouchCatalogOptions {
  readonly couch: HttpTarget;
  /** Database of the entities, such as `whisk_local_whisks`. */
  readonly database: string;
  /** Code that is kept in memory. */
  readonly cacheBytes: number;
}

export class CouchCatalog implements ActionCatalog {
  private readonly options: CouchCatalogOptions;
  private readonly cache: DocumentCache;

  constructor(options: CouchCatalogOptions) {
    this.options = options;
    this.cache = new DocumentCache(options.cacheBytes);
  }

  async find(actionKey: ActionKey): Promise<ActionDocument | undefined> {
    const { qualifiedName, version, revision, namespace } = parseActionKey(actionKey);
    const document =
      revision === undefined
        ? await this.findLatest(qualifiedName)
        : await this.cache.getOrFetch(
            actionKeyOf(qualifiedName, version, { revision }),
            // When the revision is gone the action was updated after the call was sent: the stock invoker runs the new code.
            async () => (await this.fetch(qualifiedName, revision)) ?? this.fetch(qualifiedName, undefined),
            ({ actionKey: found }) => [found],
          );
    return document === undefined ? undefined : forCaller(document, namespace);
  }

  findLatest(qualifiedName: string): Promise<ActionDocument | undefined> {
    return this.cache.once(qualifiedName, async () => {
      const document = await this.fetch(qualifiedName, undefined);
      if (document !== undefined) this.cache.put(document.actionKey, document);
      return document;
    });
  }

  /** One request, whatever their number, and no code. */
  async revisionsOf(qualifiedNames: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    const reply = await this.ask('POST', `/${encodeURIComponent(this.options.database)}/_all_docs`, { body: JSON.stringify({ keys: qualifiedNames }) });
    this.expectOk(reply, qualifiedNames.join(', '));
    const parsed = allDocsSchema.safeParse(parseJson(reply, '_all_docs'));
    if (!parsed.success) throw new AppError('CATALOG_UNAVAILABLE', `CouchDB at ${this.options.couch.baseUrl} answered _all_docs with something else.`, 'Is it CouchDB, version 2 or later?');
    return new Map(parsed.data.rows.map(({ key, value }) => [key, value?.deleted === true ? undefined : value?.rev]));
  }

  /** The document, or undefined where there is none of this revision (or none at all). */
  private async fetch(id: string, revision: string | undefined): Promise<ActionDocument | undefined> {
    const reply = await this.ask('GET', this.pathOf(id), revision === undefined ? {} : { headers: { 'if-match': `"${revision}"` } });
    if (reply.status === 404 || reply.status === 412) return undefined;
    this.expectOk(reply, id);
    const json = parseJson(reply, id);
    const found = typeof json === 'object' && json !== null && '_rev' in json && typeof json._rev === 'string' ? json._rev : undefined;
    if (found === undefined) throw unreadableAction(id, 'the document has no revision');
    // CouchDB need not look at If-Match of a GET.
    if (revision !== undefined && found !== revision) return undefined;
    const entity = readActionEntity(id, json);
    return documentOf(entity, await this.codeOf(id, entity), found);
  }

  private async codeOf(id: string, { exec: { code } }: ActionEntity): Promise<string | Uint8Array> {
    if (code === undefined) throw unreadableAction(id, 'it has no code');
    return typeof code === 'string' ? code : this.attachment(id, code);
  }

  private async attachment(id: string, { attachmentName }: AttachedCode): Promise<Uint8Array> {
    const colon = attachmentName.indexOf(':');
    const scheme = colon < 0 ? 'couch' : attachmentName.slice(0, colon);
    const name = attachmentName.slice(colon + 1);
    if (scheme === 'mem') return Buffer.from(name, 'base64url');
    if (scheme !== 'couch') throw unreadableAction(id, `its code is in an attachment store '${scheme}:' that this invoker does not read`);
    const reply = await this.ask('GET', `${this.pathOf(id)}/${encodeURIComponent(name)}`, { headers: { accept: '*/*' } });
    this.expectOk(reply, id);
    return reply.body;
  }

  private pathOf(id: string): string {
    return `/${encodeURIComponent(this.options.database)}/${encodeURIComponent(id)}`;
  }

  private async ask(method: 'GET' | 'POST', path: string, more: { body?: string; headers?: Record<string, string> }): Promise<HttpReply> {
    try {
      return await exchange(this.options.couch, method, path, more);
    } catch (cause) {
      throw new AppError('CATALOG_UNAVAILABLE', `CouchDB at ${this.options.couch.baseUrl} does not answer.`, 'Check the couch settings and that the database is up.', { cause });
    }
  }

  private expectOk({ status }: HttpReply, id: string): void {
    if (status === 200) return;
    throw new AppError('CATALOG_UNAVAILABLE', `CouchDB answered ${status} to the request for action ${id}.`, 'Check user, password and database name.');
  }
}

/** A row of a name without a document has an error in place of the value; one of a deleted document says so. */
const allDocsSchema = z.object({ rows: z.array(z.object({ key: z.string(), value: z.object({ rev: z.string(), deleted: z.boolean().optional() }).nullish() })) });

function parseJson({ body }: HttpReply, id: string): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    throw unreadableAction(id, 'the document is not JSON');
  }
}
