// Opens a pipeline in this thread with ONNX Runtime's defaults, one network after the other: for runtimes other than ours,
// where nothing is loaded ahead.
import { existsSync } from 'node:fs';
import path from 'node:path';
import type * as OnnxRuntime from 'onnxruntime-node';
import { corruptPipeline } from './corrupt-pipeline.ts';
import { DiffusionPipeline } from './diffusion-pipeline.ts';
import type { Parts } from './part-shapes.ts';
import { partNames, sessionPart, type Part, type PartName } from './part.ts';
import { encoderOf } from './png-encoder.ts';
import { readPipelineFolder } from './pipeline-folder.ts';
import { PromptTokenizer } from './prompt-tokens.ts';

/**
 * @param folder of model_index.json
 * @param requireLibrary gives `onnxruntime-node`, `@huggingface/tokenizers` and `sharp`
 * @throws AppError PIPELINE_CORRUPT
 */
export async function openPlainPipeline(folder: string, requireLibrary: (name: string) => unknown): Promise<DiffusionPipeline> {
  const read = await readPipelineFolder(folder);
  const ort = requireLibrary('onnxruntime-node') as typeof OnnxRuntime;
  const opened: Partial<Record<PartName, Part>> = {};
  for (const name of partNames) {
    const file = path.join(folder, name, 'model.onnx');
    if (!existsSync(file)) throw corruptPipeline(`${name}/model.onnx of the pipeline ${folder} is missing`);
    opened[name] = sessionPart(ort, await ort.InferenceSession.create(file));
  }
  const parts = opened as Parts;
  const tokenizer = new PromptTokenizer(requireLibrary('@huggingface/tokenizers') as typeof import('@huggingface/tokenizers'), read.tokenizer);
  return new DiffusionPipeline({ folder: read, tokenizer, encodePng: encoderOf(requireLibrary('sharp')), parts: () => Promise.resolve(parts) });
}
