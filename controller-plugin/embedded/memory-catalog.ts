// Action documents in memory: what the embedded controller serves and the plugins read.
import { forCaller, type ActionCatalog, type ActionDocument } from '../../common/action-document.ts';
import { actionKeyOf, parseActionKey, type ActionKey } from '../../common/action-identity.ts';

export class MemoryCatalog implements ActionCatalog {
  private readonly latest = new Map<string, ActionDocument>();
  private readonly documents = new Map<ActionKey, ActionDocument>();

  put(action: ActionDocument): void {
    this.documents.set(action.actionKey, action);
    this.latest.set(action.qualifiedName, action);
  }

  async find(actionKey: ActionKey): Promise<ActionDocument | undefined> {
    const { qualifiedName, version, revision, namespace } = parseActionKey(actionKey);
    const exact = this.documents.get(actionKeyOf(qualifiedName, version, { revision }));
    const document = exact ?? (revision === undefined ? undefined : this.latest.get(qualifiedName));
    return Promise.resolve(document === undefined ? undefined : forCaller(document, namespace));
  }

  async findLatest(qualifiedName: string): Promise<ActionDocument | undefined> {
    return Promise.resolve(this.latest.get(qualifiedName));
  }
}
