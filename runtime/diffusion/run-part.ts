// One call of a network, with errors that name the network and what it was given.
import { AppError } from '../../common/errors.ts';
import { corruptPipeline } from './corrupt-pipeline.ts';
import type { Parts } from './part-shapes.ts';
import type { PlainTensor, Tensors } from './part.ts';

/** @throws AppError PIPELINE_CORRUPT when the network does not take these tensors */
export async function runPart<Name extends keyof Parts>(parts: Pick<Parts, Name>, name: Name, feeds: Tensors): Promise<Tensors> {
  try {
    return await parts[name].run(feeds);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    const reason = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';
    const shapes = Object.entries(feeds).map(([input, { dims }]) => `${input} [${dims.join(', ')}]`);
    throw corruptPipeline(`${name}/model.onnx does not take ${shapes.join(', ')}: ${reason}`, cause);
  }
}

/** @throws AppError PIPELINE_CORRUPT when the network gave no such tensor of floats */
export function outputOf(tensors: Tensors, part: string, name: string): PlainTensor {
  const tensor = tensors[name];
  if (tensor === undefined || tensor.type !== 'float32') throw corruptPipeline(`${part}/model.onnx gave no "${name}" of type float32`);
  return tensor;
}
