// Action documents by key, the least recently used ones dropped when their code is more than a budget; each is fetched
// once however many ask for it at the same time.
import type { ActionDocument } from '../../common/action-document.ts';

export class DocumentCache {
  private readonly budgetBytes: number;
  /** Least recently used first. */
  private readonly documents = new Map<string, ActionDocument>();
  private readonly underWay = new Map<string, Promise<ActionDocument | undefined>>();
  private usedBytes = 0;

  constructor(budgetBytes: number) {
    this.budgetBytes = budgetBytes;
  }

  get(key: string): ActionDocument | undefined {
    const document = this.documents.get(key);
    if (document !== undefined) {
      this.documents.delete(key);
      this.documents.set(key, document);
    }
    return document;
  }

  put(key: string, document: ActionDocument): void {
    this.drop(key);
    this.documents.set(key, document);
    this.usedBytes += document.code.length;
    for (const oldest of this.documents.keys()) {
      if (this.usedBytes <= this.budgetBytes || oldest === key) return;
      this.drop(oldest);
    }
  }

  /** The document under `key`, or what `fetch` finds, whose result is kept under every key that `keysOf` names. */
  async getOrFetch(key: string, fetch: () => Promise<ActionDocument | undefined>, keysOf: (document: ActionDocument) => readonly string[]): Promise<ActionDocument | undefined> {
    return this.get(key) ?? this.once(key, async () => {
      const document = await fetch();
      if (document !== undefined) for (const found of keysOf(document)) this.put(found, document);
      return document;
    });
  }

  /** Runs `fetch` unless the same is under way. */
  once(key: string, fetch: () => Promise<ActionDocument | undefined>): Promise<ActionDocument | undefined> {
    const joined = this.underWay.get(key);
    if (joined !== undefined) return joined;
    const fetching = fetch().finally(() => this.underWay.delete(key));
    this.underWay.set(key, fetching);
    return fetching;
  }

  private drop(key: string): void {
    const document = this.documents.get(key);
    if (document === undefined) return;
    this.documents.delete(key);
    this.usedBytes -= document.code.length;
  }
}
