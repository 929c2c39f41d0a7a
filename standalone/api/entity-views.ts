// Entities and activations as the API shows them. Wire facts: core/entity/{WhiskAction,WhiskActivation,WhiskPackage}.scala and
// the views of whisks_design_document.json of Apache OpenWhisk.
import { activationStatusTexts, type WhiskActivation } from '../../common/messages/acknowledgement.ts';
import type { StoredAction, StoredPackage } from '../store/entity.ts';
import { mergeParameters } from './entity-bodies.ts';

/** An action, with its code where that is given; one of a package shows the package's parameters under its own. */
export function actionView(action: StoredAction, around: StoredPackage | undefined, code: string | undefined): Record<string, unknown> {
  const { namespace, name, version, publish, updated, annotations, parameters, limits, exec } = action;
  const { kind, binary, main } = exec;
  return {
    namespace,
    name,
    version,
    publish,
    updated,
    annotations,
    parameters: mergeParameters(around?.parameters ?? [], parameters),
    limits,
    exec: { kind, binary, ...(code === undefined ? {} : { code }), ...(main === undefined ? {} : { main }) },
  };
}

export function actionListEntry({ namespace, name, version, publish, annotations, limits, exec, updated }: StoredAction): Record<string, unknown> {
  return { namespace, name, version, publish, annotations, limits, exec: { binary: exec.binary }, updated };
}

export function packageListEntry({ namespace, name, version, publish, annotations, updated }: StoredPackage): Record<string, unknown> {
  return { namespace, name, version, publish, annotations, binding: false, updated };
}

export function packageView({ namespace, name, version, publish, annotations, parameters, updated }: StoredPackage, actions: readonly StoredAction[] | undefined): Record<string, unknown> {
  const inside = actions?.map((action) => ({ name: action.name, version: action.version, annotations: action.annotations }));
  return { namespace, name, version, publish, annotations, parameters, binding: {}, updated, ...(inside === undefined ? {} : { actions: inside, feeds: [] }) };
}

export interface ResponseView {
  readonly result: unknown;
  readonly size?: number;
  readonly status: string;
  readonly success: boolean;
}

export function responseView({ response: { statusCode, result, size } }: WhiskActivation): ResponseView {
  return { result: result ?? {}, ...(size === undefined ? {} : { size }), status: activationStatusTexts[statusCode] ?? 'whisk internal error', success: statusCode === 0 };
}

/** A whole record, its response in words. */
export function activationView(record: WhiskActivation): Record<string, unknown> {
  return { ...record, response: responseView(record) };
}
