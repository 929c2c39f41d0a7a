import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import { z } from 'zod';
import { clipTokenizerFiles, clipVocabularySize } from '../clip-vocabulary/build-tokenizer.ts';

const goldenFile = path.resolve(import.meta.dirname, '../../../actions/zoo/golden/token-ids.json');
const golden = z.array(z.object({ prompt: z.string(), ids: z.array(z.number()).length(77) })).parse(JSON.parse(readFileSync(goldenFile, 'utf8')));

describe('the stand-in for CLIP’s tokenizer', () => {
  const files = clipTokenizerFiles();
  const vocabulary = z.record(z.string(), z.number()).parse(JSON.parse(files['vocab.json'] ?? ''));

  it('has the size, the special tokens and the alphabet of CLIP’s', () => {
    assert.equal(Object.keys(vocabulary).length, clipVocabularySize);
    assert.deepEqual([vocabulary['!'], vocabulary['!</w>'], vocabulary['<|startoftext|>'], vocabulary['<|endoftext|>']], [0, 256, 49406, 49407]);
    assert.deepEqual([...new Set(Object.values(vocabulary))].length, clipVocabularySize, 'an id is taken twice');
  });

  it('lists a merge for each token that is neither a byte nor special', () => {
    const merges = (files['merges.txt'] ?? '').trimEnd().split('\n').slice(1);
    assert.equal(merges.length, clipVocabularySize - 512 - 2);
    for (const [index, merge] of merges.entries()) assert.equal(vocabulary[merge.replace(' ', '')], 512 + index, merge);
  });

  for (const { prompt, ids } of golden) {
    it(`encodes ${JSON.stringify(prompt.slice(0, 40))} as transformers does with the same files`, () => {
      const tokenizer = new Tokenizer(JSON.parse(files['tokenizer.json'] ?? '') as object, JSON.parse(files['tokenizer_config.json'] ?? '') as object);
      const encoded = tokenizer.encode(prompt).ids;
      const cut = encoded.length > 77 ? [...encoded.slice(0, 76), 49407] : encoded;
      assert.deepEqual([...cut, ...Array<number>(77 - cut.length).fill(49407)], ids);
    });
  }
});
