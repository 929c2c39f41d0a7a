// Builds the tokenizer that comes with a Stable Diffusion pipeline: the file formats, algorithm, size and special tokens of
// CLIP's vocabulary, with merges of a stand-in word list. Trained weights need the tokenizer they were trained with.
import { strict as assert } from 'node:assert';
import { wordPieces } from '../bert-vocabulary/build-tokenizer.ts';

/** Entries of CLIP's vocabulary. */
export const clipVocabularySize = 49_408;
const startToken = '<|startoftext|>';
const endToken = '<|endoftext|>';
/** The tokens that CLIP's text encoder reads. */
const maxTokens = 77;

/** Marks the end of a word in a token. */
const wordEnd = '</w>';

/** What a text is cut into before the merges: English clitics, letters, single digits, everything else. */
const wordPattern = String.raw`'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`;

/** GPT-2's characters for the 256 bytes, in the order of CLIP's vocabulary: printable ones stand for themselves and come first. */
function byteCharacters(): string[] {
  const isPrintable = (byte: number): boolean => (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  const bytes = Array.from({ length: 256 }, (_, byte) => byte);
  const others = bytes.filter((byte) => !isPrintable(byte));
  return [...bytes.filter(isPrintable).map((byte) => String.fromCodePoint(byte)), ...others.map((_, index) => String.fromCodePoint(256 + index))];
}

/** Merges under construction: a word is added by the merges that it still lacks to become one token. */
class Merges {
  readonly list: (readonly [string, string])[] = [];
  readonly #ranks = new Map<string, number>();
  readonly #tokens: Set<string>;

  constructor(tokens: Iterable<string>) {
    this.#tokens = new Set(tokens);
  }

  /** Byte-pair encoding with the merges so far. */
  #encode(word: string): string[] {
    const symbols = [...word.slice(0, -1), `${word.slice(-1)}${wordEnd}`];
    for (;;) {
      let best = -1;
      let bestRank = Infinity;
      for (let index = 0; index + 1 < symbols.length; index += 1) {
        const rank = this.#ranks.get(`${symbols[index]} ${symbols[index + 1]}`) ?? Infinity;
        if (rank < bestRank) [best, bestRank] = [index, rank];
      }
      if (best < 0) return symbols;
      symbols.splice(best, 2, `${symbols[best]}${symbols[best + 1]}`);
    }
  }

  /** Adds `word`, unless one of its parts is a token by other merges already or `limit` merges do not hold it. */
  add(word: string, limit: number): void {
    const [first = '', ...rest] = this.#encode(word);
    const added: [string, string][] = [];
    let prefix = first;
    for (const symbol of rest) {
      added.push([prefix, symbol]);
      prefix += symbol;
    }
    if (this.list.length + added.length > limit || added.some(([left, right]) => this.#tokens.has(left + right))) return;
    for (const pair of added) {
      this.#ranks.set(pair.join(' '), this.list.length);
      this.#tokens.add(pair.join(''));
      this.list.push(pair);
    }
  }
}

function buildMerges(alphabet: readonly string[], count: number): (readonly [string, string])[] {
  const merges = new Merges(alphabet);
  for (const piece of wordPieces()) {
    if (merges.list.length >= count) break;
    if (/^[a-z]{2,}$/.test(piece)) merges.add(piece, count);
  }
  assert.equal(merges.list.length, count, 'the word list fills the vocabulary');
  return merges.list;
}

const addedToken = (content: string, normalized: boolean): object => ({ content, lstrip: false, normalized, rstrip: false, single_word: false });

/** `tokenizer.json`, the form that fast tokenizers read: the same as the other files together. */
function tokenizerJson(vocabulary: Record<string, number>, merges: readonly string[]): object {
  const special = [startToken, endToken];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => ({ id: vocabulary[content], special: true, ...addedToken(content, content === startToken) })),
    normalizer: { type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Replace', pattern: { Regex: String.raw`\s+` }, content: ' ' }, { type: 'Lowercase' }] },
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: wordPattern }, behavior: 'Removed', invert: true },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true },
      ],
    },
    post_processor: { type: 'RobertaProcessing', sep: [endToken, vocabulary[endToken]], cls: [startToken, vocabulary[startToken]], trim_offsets: false, add_prefix_space: false },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true },
    model: { type: 'BPE', dropout: null, unk_token: endToken, continuing_subword_prefix: '', end_of_word_suffix: wordEnd, fuse_unk: false, vocab: vocabulary, merges },
  };
}

/** The files of the folder `tokenizer/` by name: byte-level BPE of {@link clipVocabularySize} entries, the same on every call. */
export function clipTokenizerFiles(): Record<string, string> {
  const bytes = byteCharacters();
  const alphabet = [...bytes, ...bytes.map((character) => character + wordEnd)];
  const merges = buildMerges(alphabet, clipVocabularySize - alphabet.length - 2);
  const tokens = [...alphabet, ...merges.map((pair) => pair.join('')), startToken, endToken];
  const vocabulary = Object.fromEntries(tokens.map((token, id) => [token, id]));
  const mergeLines = merges.map((pair) => pair.join(' '));
  const start = addedToken(startToken, true);
  const end = addedToken(endToken, true);
  return {
    'vocab.json': JSON.stringify(vocabulary),
    'merges.txt': `#version: 0.2\n${mergeLines.join('\n')}\n`,
    'tokenizer_config.json': `${JSON.stringify({ add_prefix_space: false, bos_token: start, do_lower_case: true, eos_token: end, errors: 'replace', model_max_length: maxTokens, pad_token: endToken, tokenizer_class: 'CLIPTokenizer', unk_token: end }, undefined, 2)}\n`,
    'special_tokens_map.json': `${JSON.stringify({ bos_token: start, eos_token: end, pad_token: endToken, unk_token: end }, undefined, 2)}\n`,
    'tokenizer.json': JSON.stringify(tokenizerJson(vocabulary, mergeLines)),
  };
}
