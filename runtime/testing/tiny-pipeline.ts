// A pipeline of three networks of a few kilobytes in the folder layout of diffusers: not Stable Diffusion's topology, but
// its inputs, outputs and shapes, and an answer that depends on prompt, time step and noise.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GraphBuilder, type GraphDescription } from '../../actions/zoo/graph-builder.ts';
import { writeOnnx } from '../../actions/zoo/onnx-writer.ts';
import { randomWeights } from '../../actions/zoo/random-weights.ts';

export interface TinyPipelineOptions {
  /** Numbers for each token in the UNet; other than the text encoder's 8, the two do not fit. */
  readonly unetFeatures?: number;
  /** Weights of the UNet that do nothing but take room. */
  readonly unetBallastBytes?: number;
  /** Extra tokens in the vocabulary, which the text encoder does not know. */
  readonly strangeTokens?: number;
  readonly timestep?: 'int64' | 'float32';
  /** The UNet takes one at a time. */
  readonly isUnetSingle?: boolean;
  readonly predictionType?: string;
}

const features = 8;
const letters = [...'abcdefghijklmnopqrstuvwxyz0123456789.,!?'];

/** Writes the pipeline into a folder that may exist. */
export async function writeTinyPipeline(folder: string, options: TinyPipelineOptions = {}): Promise<void> {
  const vocabulary = ['<|startoftext|>', '<|endoftext|>', ...letters, ...letters.map((letter) => `${letter}</w>`), 'ca', 'cat</w>'];
  const strange = Array.from({ length: options.strangeTokens ?? 0 }, (_, at) => `strange${at}`);
  const ids = Object.fromEntries([...vocabulary, ...strange].map((token, id) => [token, id]));
  const write = (name: string, content: unknown): void => {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  };
  const library = ['diffusers', 'OnnxRuntimeModel'];
  write('model_index.json', { _class_name: 'OnnxStableDiffusionPipeline', text_encoder: library, unet: library, vae_decoder: library, tokenizer: ['transformers', 'CLIPTokenizer'], scheduler: ['diffusers', 'PNDMScheduler'], safety_checker: [null, null] });
  write('scheduler/scheduler_config.json', { _class_name: 'PNDMScheduler', beta_start: 0.00085, beta_end: 0.012, beta_schedule: 'scaled_linear', skip_prk_steps: true, steps_offset: 1, prediction_type: options.predictionType ?? 'epsilon' });
  write('tokenizer/vocab.json', ids);
  write('tokenizer/merges.txt', '#version: 0.2\nc a\nca t</w>\n');
  write('tokenizer/tokenizer_config.json', { model_max_length: 77, bos_token: { content: '<|startoftext|>' }, eos_token: '<|endoftext|>', pad_token: '<|endoftext|>' });
  write('text_encoder/config.json', { vocab_size: vocabulary.length });
  write('unet/config.json', { sample_size: 16, block_out_channels: [8, 8] });
  for (const [part, graph] of [
    ['text_encoder', textEncoder(vocabulary.length)],
    ['unet', unet(options)],
    ['vae_decoder', vaeDecoder()],
  ] as const) {
    mkdirSync(path.join(folder, part), { recursive: true });
    await writeOnnx({ file: path.join(folder, part, 'model.onnx'), graph, weights: randomWeights(1, part) });
  }
}

const range = { low: -0.5, high: 0.5 };

function textEncoder(tokens: number): GraphDescription {
  const graph = new GraphBuilder('text_encoder');
  const ids = graph.input('input_ids', 'int64', ['batch', 77]);
  graph.apply('Gather', [graph.parameter('embedding', [tokens, features], range), ids], {}, 'last_hidden_state');
  graph.output('last_hidden_state', 'float32', ['batch', 77, features]);
  return graph.build();
}

/** 1x1 convolution of the latents, and a shift by the mean of the text and of the time step. */
function unet({ unetFeatures = features, unetBallastBytes = 0, timestep = 'int64', isUnetSingle = false }: TinyPipelineOptions): GraphDescription {
  const graph = new GraphBuilder('unet');
  const batch = isUnetSingle ? 1 : 'batch';
  const sample = graph.input('sample', 'float32', [batch, 4, 'height', 'width']);
  const time = graph.input('timestep', timestep, [1]);
  const text = graph.input('encoder_hidden_states', 'float32', [batch, 77, unetFeatures]);
  const mixed = graph.apply('Conv', [sample, graph.parameter('mix', [4, 4, 1, 1], range)]);
  const projected = graph.apply('MatMul', [text, graph.parameter('project', [unetFeatures, 4], range)]);
  const mean = graph.apply('ReduceMean', [projected], { axes: { ints: [1] }, keepdims: { int: 0 } });
  const shift = graph.apply('Unsqueeze', [mean, graph.constant('int64', [2, 3])]);
  const late = graph.apply('Div', [graph.apply('Cast', [time], { to: { int: 1 } }), graph.constant('float32', [5000])]);
  let shifted = graph.apply('Add', [graph.apply('Add', [mixed, shift]), late]);
  if (unetBallastBytes > 0) {
    // Their sum times zero: nothing comes of them, and the optimiser cannot know.
    const ballast = graph.parameter('ballast', [unetBallastBytes / 4], { low: 0, high: 0 });
    shifted = graph.apply('Add', [shifted, graph.apply('Mul', [graph.apply('ReduceSum', [graph.apply('Mul', [ballast, late])], { keepdims: { int: 0 } }), graph.constant('float32', [0])])]);
  }
  graph.apply('Tanh', [shifted], {}, 'out_sample');
  graph.output('out_sample', 'float32', [batch, 4, 'height', 'width']);
  return graph.build();
}

function vaeDecoder(): GraphDescription {
  const graph = new GraphBuilder('vae_decoder');
  const latents = graph.input('latent_sample', 'float32', ['batch', 4, 'height', 'width']);
  const picture = graph.apply('ConvTranspose', [latents, graph.parameter('up', [4, 3, 8, 8], range)], { strides: { ints: [8, 8] } });
  graph.apply('Tanh', [picture], {}, 'sample');
  graph.output('sample', 'float32', ['batch', 3, 'height8', 'width8']);
  return graph.build();
}
