// What an invoker needs to know of an action to run it. Where the document comes from (memory, a database, an API) is
// the catalog's business.
import type { ActionKey } from './action-identity.ts';

export interface ActionDocument {
  readonly actionKey: ActionKey;
  /** `namespace[/package]/name` of the provider. */
  readonly qualifiedName: string;
  readonly version: string;
  readonly kind: string;
  readonly main: string;
  /** Source text, or base64 when `binary`. */
  readonly code: string;
  readonly binary: boolean;
  readonly limits: {
    readonly memoryMegabytes: number;
    readonly timeoutMs: number;
    readonly logsMegabytes: number;
    readonly concurrency: number;
  };
  readonly annotations: Readonly<Record<string, unknown>>;
}

/** Where action documents are found. */
export interface ActionCatalog {
  /** The document, or undefined when there is no such action (any more). */
  find(actionKey: ActionKey): Promise<ActionDocument | undefined>;
  /** The current version of `namespace[/package]/name`. */
  findLatest(qualifiedName: string): Promise<ActionDocument | undefined>;
}

/** Bytes in a mebibyte, which OpenWhisk's limits call MB. */
export const bytesPerMegabyte = 1024 * 1024;
