// Action documents in memory: what the embedded controller serves and the plugins read.
import type { ActionCatalog, ActionDocument } from '../../common/action-document.ts';
import type { ActionKey } from '../../common/action-identity.ts';

export class MemoryCatalog implements ActionCatalog {
  private readonly latest = new Map<string, ActionDocument>();
  private readonly documents = new Map<ActionKey, ActionDocument>();

  put(action: ActionDocument): void {
    this.documents.set(action.actionKey, action);
    this.latest.set(action.qualifiedName, action);
  }

  async find(actionKey: ActionKey): Promise<ActionDocument | undefined> {
    return Promise.resolve(this.documents.get(actionKey));
  }

  async findLatest(qualifiedName: string): Promise<ActionDocument | undefined> {
    return Promise.resolve(this.latest.get(qualifiedName));
  }
}
