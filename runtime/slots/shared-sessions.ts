// Teaches ONNX Runtime's `InferenceSession.create` about sessions that are resident: for actions that open their model
// themselves instead of asking the SDK. Which file is which model is the caller's knowledge.
import type { InferenceSession } from 'onnxruntime-node';
import type { LoadClock } from './load-clock.ts';
import type { OnnxRuntime } from './model-source.ts';

/**
 * From now on `create(path)` of this module gives `residentAt(path)` where that has a session; everything else passes
 * through, and its time counts as loading.
 * @returns the module as it was, for those who really open
 */
export function shareSessions(ort: OnnxRuntime, residentAt: (file: string) => Promise<InferenceSession | undefined>, clock: LoadClock): OnnxRuntime {
  const createNew = ort.InferenceSession.create.bind(ort.InferenceSession) as (...given: unknown[]) => Promise<InferenceSession>;
  const create = async (...given: unknown[]): Promise<InferenceSession> => {
    const resident = typeof given[0] === 'string' ? await residentAt(given[0]) : undefined;
    return resident ?? clock.during(() => createNew(...given));
  };
  const pristine = Object.create(ort, { InferenceSession: { value: { create: createNew } } }) as OnnxRuntime;
  Object.defineProperty(ort.InferenceSession, 'create', { value: create, configurable: true, writable: true });
  return pristine;
}
