// How an action is named throughout: one string that identifies exactly one version of one action of one provider.

/**
 * `namespace[/package]/name@version`, without a leading slash, such as `guest/resnet50@0.0.1`.
 * Two activations with the same key run the same code and use the same artifacts.
 */
export type ActionKey = string;

/** The parts of an {@link ActionKey}: `qualifiedName` is `namespace[/package]/name`. */
export interface ActionIdentity {
  readonly qualifiedName: string;
  readonly version: string;
}

/** Builds the key; a leading slash (as OpenWhisk writes it in `__OW_ACTION_NAME`) is dropped, an absent version is `0.0.1`. */
export function actionKeyOf(qualifiedName: string, version?: string): ActionKey {
  const bare = qualifiedName.startsWith('/') ? qualifiedName.slice(1) : qualifiedName;
  return `${bare}@${version === undefined || version === '' ? '0.0.1' : version}`;
}

/** The inverse of {@link actionKeyOf}. */
export function parseActionKey(key: ActionKey): ActionIdentity {
  const at = key.lastIndexOf('@');
  return at < 0 ? { qualifiedName: key, version: '0.0.1' } : { qualifiedName: key.slice(0, at), version: key.slice(at + 1) };
}

/** The last path element: `resnet50` of `guest/resnet50@0.0.1`. */
export function shortNameOf(key: ActionKey): string {
  const { qualifiedName } = parseActionKey(key);
  return qualifiedName.slice(qualifiedName.lastIndexOf('/') + 1);
}
