// Reads the tokenizer folder of a pipeline: tokenizer.json, or vocab.json and merges.txt as CLIP came with at first. The
// result is what the tokenizer library takes.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { corruptPipeline } from './corrupt-pipeline.ts';

export interface TokenizerFiles {
  /** The contents of a tokenizer.json. */
  readonly definition: object;
  readonly startId: number;
  readonly endId: number;
  readonly padId: number;
  /** Tokens that the text encoder reads, start and end included. */
  readonly length: number;
  readonly largestId: number;
}

const clipLength = 77;
const defaultTokens = { bos_token: '<|startoftext|>', eos_token: '<|endoftext|>' } as const;

/** CLIP's rule of what may be one token: contractions, words, single digits, runs of signs. */
const clipPattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

type Fields = Readonly<Record<string, unknown>>;

/** @throws AppError PIPELINE_CORRUPT */
export async function readTokenizerFiles(pipelineFolder: string): Promise<TokenizerFiles> {
  const read = async (name: string): Promise<string | undefined> => readFile(path.join(pipelineFolder, 'tokenizer', name), 'utf8').catch(() => undefined);
  const [json, vocabulary, merges, config, special] = await Promise.all(['tokenizer.json', 'vocab.json', 'merges.txt', 'tokenizer_config.json', 'special_tokens_map.json'].map(read));
  if (vocabulary === undefined && json === undefined) throw corruptPipeline(`tokenizer/vocab.json of the pipeline ${pipelineFolder} is missing`);
  const settings = { ...parsed('special_tokens_map.json', special ?? '{}'), ...parsed('tokenizer_config.json', config ?? '{}') };
  const start = tokenOf(settings, 'bos_token') ?? defaultTokens.bos_token;
  const end = tokenOf(settings, 'eos_token') ?? defaultTokens.eos_token;
  const pad = tokenOf(settings, 'pad_token') ?? end;
  const definition = json === undefined ? clipDefinition(vocabulary ?? '', merges, [start, end]) : parsed('tokenizer.json', json);
  const ids = idsOf(definition);
  const idOf = (token: string): number => {
    const id = ids.get(token);
    if (id === undefined) throw corruptPipeline(`tokenizer/ has no token ${JSON.stringify(token)}`);
    return id;
  };
  return { definition, startId: idOf(start), endId: idOf(end), padId: idOf(pad), length: lengthOf(settings), largestId: Math.max(...ids.values()) };
}

function clipDefinition(vocabularyText: string, mergesText: string | undefined, specialTokens: readonly string[]): Fields {
  if (mergesText === undefined) throw corruptPipeline('tokenizer/merges.txt is missing');
  const vocab = parsed('vocab.json', vocabularyText);
  const merges = mergesText
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#version'))
    .map((line) => line.trim().split(' '));
  const odd = merges.find((pair) => pair.length !== 2 || pair.some((piece) => !Object.hasOwn(vocab, piece)) || !Object.hasOwn(vocab, pair.join('')));
  if (odd !== undefined) throw corruptPipeline(`tokenizer/merges.txt does not fit vocab.json: it joins ${JSON.stringify(odd.join(' '))}`);
  return {
    added_tokens: specialTokens.map((content) => ({ id: vocab[content], content, special: true, normalized: true, single_word: false, lstrip: false, rstrip: false })),
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { Regex: String.raw`\s+` }, content: ' ' }, { type: 'Lowercase' }] },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: clipPattern }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', dropout: null, unk_token: specialTokens[1], continuing_subword_prefix: '', end_of_word_suffix: '</w>', fuse_unk: false, vocab, merges },
  };
}

function idsOf(definition: Fields): ReadonlyMap<string, number> {
  const { model, added_tokens: added } = definition;
  const vocab = typeof model === 'object' && model !== null ? (model as Fields)['vocab'] : undefined;
  if (typeof vocab !== 'object' || vocab === null || Array.isArray(vocab)) throw corruptPipeline('tokenizer/ has no vocabulary of the kind that CLIP has');
  const ids = new Map<string, number>();
  const take = (token: unknown, id: unknown): void => {
    if (typeof token !== 'string' || typeof id !== 'number' || !Number.isInteger(id) || id < 0) throw corruptPipeline(`tokenizer/: the number of the token ${JSON.stringify(token)} is ${JSON.stringify(id)}`);
    ids.set(token, id);
  };
  for (const [token, id] of Object.entries(vocab)) take(token, id);
  if (Array.isArray(added)) for (const token of added as unknown[]) if (typeof token === 'object' && token !== null) take((token as Fields)['content'], (token as Fields)['id']);
  return ids;
}

function lengthOf(settings: Fields): number {
  const length = settings['model_max_length'] ?? clipLength;
  // Tokenizers without a limit have 10^30 here.
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 2 || length > 4096) throw corruptPipeline('tokenizer/tokenizer_config.json: "model_max_length" is no whole number from 2 to 4096');
  return length;
}

/** A special token is a text or an object with its text. */
function tokenOf(settings: Fields, name: string): string | undefined {
  const token = settings[name];
  const content = typeof token === 'object' && token !== null ? (token as Fields)['content'] : token;
  return typeof content === 'string' ? content : undefined;
}

function parsed(name: string, text: string): Fields {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Fields;
  } catch (cause) {
    throw corruptPipeline(`tokenizer/${name} is not JSON`, cause);
  }
  throw corruptPipeline(`tokenizer/${name} is no object`);
}
