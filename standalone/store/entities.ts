// Actions and packages: all of them in memory without their code, and each write on disk before it is answered. An invoker
// reads its documents here.
import { randomUUID } from 'node:crypto';
import { forCaller, type ActionCatalog, type ActionDocument } from '../../common/action-document.ts';
import { parseActionKey, type ActionKey } from '../../common/action-identity.ts';
import { AppError } from '../../common/errors.ts';
import { separator, type Database } from './database.ts';
import { documentOfAction, qualifiedNameOf, storedEntitySchema, type StoredAction, type StoredEntity } from './entity.ts';

/** Code of actions that is kept in memory, in UTF-16 units. */
const mostCachedCode = 128 * 1024 * 1024;

const entityPrefix = `entity${separator}`;
const codePrefix = `code${separator}`;

export class Entities implements ActionCatalog {
  private readonly database: Database;
  private readonly entities = new Map<string, StoredEntity>();
  /** Documents with their code, the least recently used first. */
  private readonly documents = new Map<string, ActionDocument>();
  private cachedCode = 0;
  private readonly underWay = new Map<string, Promise<void>>();

  private constructor(database: Database) {
    this.database = database;
  }

  /** @throws AppError DATA_FOLDER when an entity cannot be read */
  static async open(database: Database): Promise<Entities> {
    const entities = new Entities(database);
    for await (const [key, text] of database.iterator({ gt: entityPrefix, lt: `${entityPrefix}\uffff` })) {
      const parsed = storedEntitySchema.safeParse(JSON.parse(text));
      if (!parsed.success) throw new AppError('DATA_FOLDER', `The entity ${key.slice(entityPrefix.length)} cannot be read.`, 'It was written by another version; use that one, or another folder with --data.');
      entities.entities.set(key.slice(entityPrefix.length), parsed.data);
    }
    return entities;
  }

  /** The action or package of that name. */
  get(qualifiedName: string): StoredEntity | undefined {
    return this.entities.get(qualifiedName);
  }

  /** Entities of one namespace and type, the last updated first. */
  list<Type extends StoredEntity['type']>(namespace: string, type: Type): Extract<StoredEntity, { type: Type }>[] {
    const isOfType = (entity: StoredEntity): entity is Extract<StoredEntity, { type: Type }> => entity.type === type;
    return [...this.entities.entries()]
      .filter(([name]) => name.startsWith(`${namespace}/`))
      .map(([, entity]) => entity)
      .filter(isOfType)
      .sort((left, right) => right.updated - left.updated || qualifiedNameOf(left).localeCompare(qualifiedNameOf(right)));
  }

  /** Every action there is. */
  actions(): StoredAction[] {
    return [...this.entities.values()].filter((entity) => entity.type === 'action');
  }

  /** Runs one piece of work after the other for each name: what is checked there still holds when it is written. */
  async exclusively<T>(qualifiedName: string, work: () => Promise<T>): Promise<T> {
    const before = this.underWay.get(qualifiedName) ?? Promise.resolve();
    const result = before.then(work);
    const done = result.then(
      () => undefined,
      () => undefined,
    );
    this.underWay.set(qualifiedName, done);
    await done;
    if (this.underWay.get(qualifiedName) === done) this.underWay.delete(qualifiedName);
    return result;
  }

  /** Names a write of an action, as a database's revision would. */
  nextRevision(): string {
    return randomUUID().replaceAll('-', '');
  }

  /** Writes an entity, an action with its code where that is new. */
  async put(entity: StoredEntity, code?: string): Promise<void> {
    const name = qualifiedNameOf(entity);
    const batch = this.database.batch().put(entityPrefix + name, JSON.stringify(entity));
    if (code !== undefined) batch.put(codePrefix + name, code);
    await batch.write({ sync: true });
    this.entities.set(name, entity);
    this.uncache(name);
  }

  async delete(qualifiedName: string): Promise<void> {
    await this.database.batch().del(entityPrefix + qualifiedName).del(codePrefix + qualifiedName).write({ sync: true });
    this.entities.delete(qualifiedName);
    this.uncache(qualifiedName);
  }

  /** An action's code: source text, or base64. */
  async code(qualifiedName: string): Promise<string> {
    return (await this.findLatest(qualifiedName))?.code ?? '';
  }

  async find(actionKey: ActionKey): Promise<ActionDocument | undefined> {
    const { qualifiedName, namespace } = parseActionKey(actionKey);
    const document = await this.findLatest(qualifiedName);
    return document === undefined ? undefined : forCaller(document, namespace);
  }

  async findLatest(qualifiedName: string): Promise<ActionDocument | undefined> {
    const cached = this.documents.get(qualifiedName);
    if (cached !== undefined) {
      this.documents.delete(qualifiedName);
      this.documents.set(qualifiedName, cached);
      return cached;
    }
    const entity = this.entities.get(qualifiedName);
    if (entity?.type !== 'action') return undefined;
    const code = await this.database.get(codePrefix + qualifiedName);
    // It may have been replaced while its code was read: what goes together is read together.
    if (this.entities.get(qualifiedName) !== entity) return this.findLatest(qualifiedName);
    const document = documentOfAction(entity, code ?? '');
    this.cache(document);
    return document;
  }

  private cache(document: ActionDocument): void {
    this.uncache(document.qualifiedName);
    this.documents.set(document.qualifiedName, document);
    this.cachedCode += document.code.length;
    for (const [name] of this.documents) {
      if (this.cachedCode <= mostCachedCode) return;
      this.uncache(name);
    }
  }

  private uncache(qualifiedName: string): void {
    this.cachedCode -= this.documents.get(qualifiedName)?.code.length ?? 0;
    this.documents.delete(qualifiedName);
  }
}
