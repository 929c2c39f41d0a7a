// What an invoker needs to know of an action to run it. Where the document comes from (memory, a database, an API) is
// the catalog's business.
import { actionKeyOf, parseActionKey, type ActionKey } from './action-identity.ts';

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

/** Who asks, for catalogs that show an action only to whoever may see it. */
export interface CatalogAccess {
  /** A secret: never log it. */
  readonly apiKey: string | undefined;
}

/** Where action documents are found. */
export interface ActionCatalog {
  /**
   * The document of the key's revision, for the key's caller. Where the revision is gone, or the key names none, it is the
   * newest one: the `actionKey` of what is returned says which it is. Undefined when there is no such action (any more).
   * @throws AppError ACTION_UNREADABLE, CATALOG_UNAVAILABLE
   */
  find(actionKey: ActionKey, access?: CatalogAccess): Promise<ActionDocument | undefined>;
  /** The current version of `namespace[/package]/name`. */
  findLatest(qualifiedName: string): Promise<ActionDocument | undefined>;
  /**
   * The current revision of each of the names, undefined where there is no such action. Absent where the catalog has no cheap
   * answer for actions that nobody calls.
   * @throws AppError CATALOG_UNAVAILABLE
   */
  revisionsOf?(qualifiedNames: readonly string[]): Promise<ReadonlyMap<string, string | undefined>>;
}

/** The document as it is for one invoking namespace: its key names the caller. */
export function forCaller(document: ActionDocument, namespace: string): ActionDocument {
  const { qualifiedName, version, revision } = parseActionKey(document.actionKey);
  const actionKey = actionKeyOf(qualifiedName, version, { revision, namespace });
  return actionKey === document.actionKey ? document : { ...document, actionKey };
}

/** Bytes in a mebibyte, which OpenWhisk's limits call MB. */
export const bytesPerMegabyte = 1024 * 1024;
