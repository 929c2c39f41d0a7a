// From a prompt to the row of token numbers that the text encoder reads.
import type { Tokenizer } from '@huggingface/tokenizers';
import type { TokenizerFiles } from './tokenizer-files.ts';

export interface PromptTokens {
  /** Start, text, end, padding. */
  readonly ids: readonly number[];
  /** How many tokens of the text did not fit and are left out. */
  readonly cutTokens: number;
}

export class PromptTokenizer {
  private readonly tokenizer: Tokenizer;
  private readonly files: TokenizerFiles;

  constructor(library: { readonly Tokenizer: typeof Tokenizer }, files: TokenizerFiles) {
    this.tokenizer = new library.Tokenizer(files.definition, {});
    this.files = files;
  }

  encode(text: string): PromptTokens {
    const { startId, endId, padId, length } = this.files;
    const all = this.tokenizer.encode(text, { add_special_tokens: false }).ids;
    const kept = all.slice(0, length - 2);
    const ids = [startId, ...kept, endId];
    return { ids: [...ids, ...new Array<number>(length - ids.length).fill(padId)], cutTokens: all.length - kept.length };
  }
}
