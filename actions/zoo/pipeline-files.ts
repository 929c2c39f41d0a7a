// What a pipeline needs beside its models: the index of its parts, the scheduler's configuration and the tokenizer, in the
// folder layout and with the values of Stable Diffusion 1.5 as diffusers saves it.
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { clipTokenizerFiles } from '../clip-vocabulary/build-tokenizer.ts';
import type { StoredFile } from '../../runtime/model-store/manifest.ts';
import type { ArchitectureSize } from './architectures/architecture.ts';
import { pipelineParts, type PipelineName } from './architectures/index.ts';
import { clipTextShapes } from './architectures/clip-text.ts';
import { latentChannels, unetShapes } from './architectures/diffusion-unet.ts';
import { vaeShapes } from './architectures/vae-decoder.ts';
import { describeFile } from './file-digest.ts';
import { zooVersion } from './install-model.ts';
import type { StoreWriter } from './store-writer.ts';

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

const modelIndex = {
  _class_name: 'OnnxStableDiffusionPipeline',
  _diffusers_version: '0.27.2',
  scheduler: ['diffusers', 'PNDMScheduler'],
  text_encoder: ['diffusers', 'OnnxRuntimeModel'],
  tokenizer: ['transformers', 'CLIPTokenizer'],
  unet: ['diffusers', 'OnnxRuntimeModel'],
  vae_decoder: ['diffusers', 'OnnxRuntimeModel'],
  feature_extractor: [null, null],
  safety_checker: [null, null],
  requires_safety_checker: false,
};

const schedulerConfig = {
  _class_name: 'PNDMScheduler',
  _diffusers_version: '0.27.2',
  beta_end: 0.012,
  beta_schedule: 'scaled_linear',
  beta_start: 0.00085,
  num_train_timesteps: 1000,
  prediction_type: 'epsilon',
  set_alpha_to_one: false,
  skip_prk_steps: true,
  steps_offset: 1,
  timestep_spacing: 'leading',
  trained_betas: null,
};

/** As exporters leave it beside each model: what the reference implementation is built from. */
function partConfigs(size: ArchitectureSize): Record<string, string> {
  const [text, unet, vae] = [clipTextShapes[size], unetShapes[size], vaeShapes[size]];
  return {
    'text_encoder/config.json': json({ model_type: 'clip_text_model', hidden_act: 'quick_gelu', hidden_size: text.hidden, intermediate_size: text.intermediate, num_attention_heads: text.heads, num_hidden_layers: text.layers, projection_dim: text.hidden }),
    'unet/config.json': json({ _class_name: 'UNet2DConditionModel', attention_head_dim: unet.heads, block_out_channels: unet.channels, cross_attention_dim: unet.textFeatures, in_channels: latentChannels, layers_per_block: 2, norm_num_groups: unet.groups, out_channels: latentChannels, sample_size: 64 }),
    'vae_decoder/config.json': json({
      _class_name: 'AutoencoderKL',
      block_out_channels: vae.channels,
      down_block_types: vae.channels.map(() => 'DownEncoderBlock2D'),
      latent_channels: latentChannels,
      layers_per_block: 2,
      norm_num_groups: vae.groups,
      sample_size: 512,
      scaling_factor: 0.18215,
      up_block_types: vae.channels.map(() => 'UpDecoderBlock2D'),
    }),
  };
}

const contents = (size: ArchitectureSize): Record<string, string> => ({
  'model_index.json': json(modelIndex),
  'scheduler/scheduler_config.json': json(schedulerConfig),
  ...partConfigs(size),
  ...Object.fromEntries(Object.entries(clipTokenizerFiles()).map(([name, text]) => [`tokenizer/${name}`, text])),
});

/** Writes the files of a pipeline whose parts are in the store, and records it; what is there stays, for the tokenizer may be the user's. */
export async function installPipelineFiles(store: StoreWriter, pipeline: PipelineName, size: ArchitectureSize, isForced: boolean): Promise<void> {
  const recorded = store.manifest.pipelines?.find(({ name, version }) => name === pipeline && version === zooVersion);
  // Who puts vocab.json and merges.txt of trained weights there takes the stand-in's tokenizer.json away, which would go before them.
  const needed = recorded?.files.filter(({ path: file }) => !file.endsWith('/tokenizer/tokenizer.json'));
  const isComplete = needed?.every((file) => existsSync(path.join(store.directory, file.path))) ?? false;
  if (isComplete && !isForced) return;
  await store.withPartialFolder(`${pipeline}-files`, async (folder) => {
    const files: StoredFile[] = [];
    for (const [name, content] of Object.entries(contents(size))) {
      const file = path.join(folder, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
      const described = await describeFile(file, `${pipeline}/${name}`);
      await store.moveIntoPlace(file, described.path);
      files.push(described);
    }
    await store.recordPipeline({ name: pipeline, version: zooVersion, folder: pipeline, parts: [...pipelineParts], files });
  });
}
