// A stand-in for CouchDB in memory: the routes and answers that OpenWhisk's stores use, and no more. Databases exist as
// soon as they are named.
import { basicAuthorization } from '../../common/basic-authorization.ts';
import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Json = Record<string, unknown>;
interface Stored {
  readonly document: Json & { readonly _id: string; readonly _rev: string };
  readonly attachments: ReadonlyMap<string, Uint8Array>;
}

export class CouchStandIn {
  /** `user:password` that every request has to bring. */
  readonly credentials = 'whisk:secret';
  /** Requests so far, such as `GET /whisks/guest%2Finfer`. */
  readonly requests: string[] = [];
  /** Documents that were to be written a second time. */
  conflicts = 0;
  /** What to answer instead, for faults; undefined answers as usual. */
  fault: ((request: string) => number | undefined) | undefined;
  private readonly databases = new Map<string, Map<string, Stored>>();
  /** Revisions of deleted documents, by database and id. */
  private readonly tombstones = new Map<string, string>();
  private readonly views = new Map<string, readonly Json[]>();
  private readonly server: Server = createServer((request, response) => {
    void this.answer(request, response);
  });

  /** Resolves to the address. */
  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Writes a document as its next revision. @returns the revision */
  put(database: string, id: string, fields: Json, attachments: Readonly<Record<string, Uint8Array>> = {}): string {
    const generation = Number(this.get(database, id)?._rev.split('-')[0] ?? 0) + 1;
    const _rev = `${generation}-${createHash('md5').update(randomUUID()).digest('hex')}`;
    this.databaseOf(database).set(id, { document: { ...fields, _id: id, _rev }, attachments: new Map(Object.entries(attachments)) });
    return _rev;
  }

  get(database: string, id: string): Stored['document'] | undefined {
    return this.databaseOf(database).get(id)?.document;
  }

  /** As CouchDB, it remembers that there was one. */
  delete(database: string, id: string): void {
    const revision = this.get(database, id)?._rev;
    if (revision === undefined) return;
    this.databaseOf(database).delete(id);
    this.tombstones.set(`${database}/${id}`, `${Number(revision.split('-')[0]) + 1}-deleted`);
  }

  documentsOf(database: string): Json[] {
    return [...this.databaseOf(database).values()].map(({ document }) => document);
  }

  /** Rows of a view, such as `subjects/_design/namespaceThrottlings/_view/blockedNamespaces`. */
  putView(path: string, rows: readonly Json[]): void {
    this.views.set(path, rows);
  }

  private databaseOf(name: string): Map<string, Stored> {
    let database = this.databases.get(name);
    if (database === undefined) {
      database = new Map();
      this.databases.set(name, database);
    }
    return database;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const line = `${request.method ?? ''} ${request.url ?? ''}`;
    this.requests.push(line);
    const body = await bodyOf(request);
    const send = (status: number, content: Uint8Array | object): void => {
      const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
      response.writeHead(status, { 'content-type': content instanceof Uint8Array ? 'application/octet-stream' : 'application/json', 'content-length': bytes.length }).end(bytes);
    };
    const fault = this.fault?.(line);
    if (fault !== undefined) return send(fault, { error: 'fault', reason: 'injected' });
    if (request.headers.authorization !== basicAuthorization(this.credentials)) return send(401, { error: 'unauthorized', reason: 'Name or password is incorrect.' });
    const url = (request.url ?? '').split('?', 1)[0] ?? '';
    const rows = this.views.get(url.slice(1));
    if (rows !== undefined) return send(200, { total_rows: rows.length, offset: 0, rows });
    const [database = '', id = '', attachment] = url.slice(1).split('/').map(decodeURIComponent);
    if (request.method === 'POST' && id === '_bulk_docs') return send(201, this.bulk(database, body));
    if (request.method === 'POST' && id === '_all_docs') return send(200, this.revisions(database, body));
    const stored = this.databaseOf(database).get(id);
    if (request.method !== 'GET' || stored === undefined) return send(404, { error: 'not_found', reason: 'missing' });
    if (attachment === undefined) return send(200, stored.document);
    const bytes = stored.attachments.get(attachment);
    return bytes === undefined ? send(404, { error: 'not_found', reason: 'Document is missing attachment' }) : send(200, bytes);
  }

  private revisions(database: string, body: string): Json {
    const { keys } = JSON.parse(body) as { keys: string[] };
    const rows = keys.map((key) => {
      const [rev, deletedRev] = [this.get(database, key)?._rev, this.tombstones.get(`${database}/${key}`)];
      if (rev !== undefined) return { id: key, key, value: { rev } };
      return deletedRev === undefined ? { key, error: 'not_found' } : { id: key, key, value: { rev: deletedRev, deleted: true } };
    });
    return { total_rows: this.documentsOf(database).length, offset: null, rows };
  }

  private bulk(database: string, body: string): Json[] {
    const { docs } = JSON.parse(body) as { docs: (Json & { _id: string })[] };
    return docs.map((doc) => {
      const { _id: id, ...fields } = doc;
      if (this.get(database, id) !== undefined) {
        this.conflicts += 1;
        return { id, error: 'conflict', reason: 'Document update conflict.' };
      }
      return { ok: true, id, rev: this.put(database, id, fields) };
    });
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
