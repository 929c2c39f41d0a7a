// Decides which action answers a function of a trace, and reads a whole trace with that decision made.
import { AppError } from '../../common/errors.ts';
import { readAzureTrace } from './azure-2019.ts';

/** The actions of the demo, in the order of the shipped trace. */
export const demoActions = [
  'alexnet',
  'vgg19',
  'inception-v3',
  'resnet18',
  'resnet50',
  'resnet152',
  'googlenet',
  'bert-base',
] as const;

/** The model that InstaInfer's demo maps each of its eight functions to. */
const actionOfKnownHash: ReadonlyMap<string, string> = new Map([
  ['c4c85d284ea31ce9fbb8b5f765d2a3ee8a796311f2bc179d6edb3514fb8a491e', 'alexnet'],
  ['2ed599a184ce05d91ca7c3516876d9d10fb6c041fbcc1287aca3aa772c031d30', 'vgg19'],
  ['479a7d08547a5880f143440c60b943a13911d5c0b4fec78819588d19f51fec47', 'inception-v3'],
  ['abdc9a8b8bd68c87841f2dce9063a8b80bbd56f94e04796be09eeca6c2a906a9', 'resnet18'],
  ['85a39c9b9baac758bdec310302bb211e84289c8926499ed4230780f8874274c8', 'resnet50'],
  ['bbda976515a8ae25609d6aac1e103f08cb8aadd97834242599f46b33a6c59547', 'resnet152'],
  ['77fbf6584b72fc07756dd2a4cbd806873496ab97c04aa6d7be75d8f15abb635c', 'googlenet'],
  ['309f68de46e5a2bb1451e171f65e586ec92786cd15ed725f8439d268a4c4da75', 'bert-base'],
]);

/** A trace function and the action that answers it. */
export interface AssignedFunction {
  readonly functionKey: string;
  readonly action: string;
  readonly countsPerMinute: readonly number[];
}

export interface AssignedTrace {
  readonly file: string;
  readonly minuteCount: number;
  /** Sum of all counts. */
  readonly invocationCount: number;
  readonly functions: readonly AssignedFunction[];
}

/** More invocations than this are refused: a replay keeps every arrival and row in memory. */
export const maxInvocationCount = 1_000_000;

/**
 * The assignment rule: functions that are known by hash keep their action, the others take the demo's actions in turn;
 * with an explicit list every function takes the actions of the list in turn.
 */
export function createActionAssigner(explicitActions?: readonly string[]): (traceFunction: { readonly functionHash: string }) => string {
  const actions = explicitActions ?? demoActions;
  let turn = 0;
  return ({ functionHash }) => {
    const known = explicitActions === undefined ? actionOfKnownHash.get(functionHash) : undefined;
    if (known !== undefined) return known;
    const action = actions[turn % actions.length];
    turn += 1;
    if (action === undefined) throw new RangeError('no actions to assign');
    return action;
  };
}

/** Reads a trace and assigns actions; AppError BAD_TRACE where it is malformed, holds no invocation or too many. */
export async function readAssignedTrace(file: string, explicitActions?: readonly string[]): Promise<AssignedTrace> {
  const actionOf = createActionAssigner(explicitActions);
  const functions: AssignedFunction[] = [];
  let invocationCount = 0;
  let minuteCount = 0;
  for await (const traceFunction of readAzureTrace(file)) {
    const { functionKey, countsPerMinute } = traceFunction;
    minuteCount = countsPerMinute.length;
    invocationCount += countsPerMinute.reduce((sum, count) => sum + count, 0);
    if (invocationCount > maxInvocationCount) {
      const message = `Trace ${file} holds more than ${maxInvocationCount} invocations.`;
      throw new AppError('BAD_TRACE', message, 'Cut it to fewer minutes or functions.');
    }
    functions.push({ functionKey, action: actionOf(traceFunction), countsPerMinute });
  }
  if (invocationCount === 0) {
    throw new AppError('BAD_TRACE', `Trace ${file} holds no invocation at all.`, 'Every count in it is 0: give another file.');
  }
  return { file, minuteCount, invocationCount, functions };
}

/** The actions that a trace calls, each once, in the order of its functions: what a replay deploys. */
export function actionsOfTrace(trace: AssignedTrace): string[] {
  return [...new Set(trace.functions.map(({ action }) => action))];
}
