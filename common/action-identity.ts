// How an action is named throughout: one string that identifies exactly one piece of code of one provider, run for one
// namespace.

/**
 * `[caller:]namespace[/package]/name@version[#revision]`, without a leading slash, such as `guest/resnet50@0.0.1` or
 * `acme:shared/vision/resnet50@0.0.3#4-9c1f`. `caller` is the invoking namespace where that is not the provider's: the
 * containers of an action that two namespaces share are not shared. `revision` is the action document's, where a database
 * has one: a version may be set by a user and need not change with the code. Neither `:` nor `#` can be part of a name.
 * Two activations with the same key run the same code, use the same artifacts and may use each other's containers.
 */
export type ActionKey = string;

/** The parts of an {@link ActionKey}: `qualifiedName` is `namespace[/package]/name`. */
export interface ActionIdentity {
  readonly qualifiedName: string;
  readonly version: string;
  readonly revision: string | undefined;
  /** The invoking namespace. */
  readonly namespace: string;
}

/**
 * Builds the key; a leading slash (as OpenWhisk writes it in `__OW_ACTION_NAME`) is dropped, an absent version is `0.0.1`.
 */
export function actionKeyOf(qualifiedName: string, version?: string, more?: { readonly revision?: string | null | undefined; readonly namespace?: string }): ActionKey {
  const bare = qualifiedName.startsWith('/') ? qualifiedName.slice(1) : qualifiedName;
  const caller = more?.namespace === undefined || more.namespace === providerOf(bare) ? '' : `${more.namespace}:`;
  const revision = (more?.revision ?? '') === '' ? '' : `#${more?.revision ?? ''}`;
  return `${caller}${bare}@${version === undefined || version === '' ? '0.0.1' : version}${revision}`;
}

/** The inverse of {@link actionKeyOf}. */
export function parseActionKey(key: ActionKey): ActionIdentity {
  const colon = key.indexOf(':');
  const hash = key.lastIndexOf('#');
  const named = key.slice(colon + 1, hash < 0 ? undefined : hash);
  // A name may hold an @, a version does not.
  const at = named.lastIndexOf('@');
  const qualifiedName = at < 0 ? named : named.slice(0, at);
  return {
    qualifiedName,
    version: at < 0 ? '0.0.1' : named.slice(at + 1),
    revision: hash < 0 ? undefined : key.slice(hash + 1),
    namespace: colon < 0 ? providerOf(qualifiedName) : key.slice(0, colon),
  };
}

/** The namespace that invokes it: that of {@link parseActionKey}, for where every call asks. */
export function namespaceOf(key: ActionKey): string {
  const colon = key.indexOf(':');
  if (colon >= 0) return key.slice(0, colon);
  const slash = key.indexOf('/');
  return slash < 0 ? parseActionKey(key).namespace : key.slice(0, slash);
}

/** The namespace that an action belongs to. */
function providerOf(qualifiedName: string): string {
  const slash = qualifiedName.indexOf('/');
  return slash < 0 ? qualifiedName : qualifiedName.slice(0, slash);
}

/** `[caller:]namespace[/package]/name`: what stays the same when the action is updated. */
export function unversionedNameOf(key: ActionKey): string {
  const { qualifiedName, namespace } = parseActionKey(key);
  return namespace === providerOf(qualifiedName) ? qualifiedName : `${namespace}:${qualifiedName}`;
}

/** The last path element: `resnet50` of `guest/resnet50@0.0.1`. */
export function shortNameOf(key: ActionKey): string {
  const { qualifiedName } = parseActionKey(key);
  return qualifiedName.slice(qualifiedName.lastIndexOf('/') + 1);
}
