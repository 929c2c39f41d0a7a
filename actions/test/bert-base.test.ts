import { strict as assert } from 'node:assert';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { Tokenizer } from '@huggingface/tokenizers';
import fc from 'fast-check';
import type { SampleInput } from '../../runtime/model-store/manifest.ts';
import { bertVocabularySize, buildTokenizerJson, specialTokens } from '../bert-vocabulary/build-tokenizer.ts';
import { RecordingSession, unpackAction, type UnpackedAction } from '../testing/unpacked-action.ts';

const require = createRequire(path.resolve(import.meta.dirname, '../../../actions/bert-base/package.json'));
const { bertTokens } = require('./text-tokens.js') as {
  bertTokens(
    tokenizer: Tokenizer,
    text: string,
    textPair: string | undefined,
    length: number,
  ): { rows: Record<'input_ids' | 'attention_mask' | 'token_type_ids', BigInt64Array>; tokenCount: number; truncated: boolean };
};

const tokenizerJson = buildTokenizerJson();
const tokenizer = new Tokenizer(JSON.parse(tokenizerJson), {});
const numbers = (row: BigInt64Array): number[] => Array.from(row, Number);

describe('the vocabulary that comes with bert-base', () => {
  it('has as many entries as BERT has, each id once', () => {
    const ids = Object.values(JSON.parse(tokenizerJson).model.vocab as Record<string, number>).sort((left, right) => left - right);
    assert.equal(bertVocabularySize, 30_522);
    assert.deepEqual(ids, Array.from({ length: bertVocabularySize }, (_, id) => id));
  });

  it('has the special and unused tokens where BERT has them', () => {
    assert.deepEqual(specialTokens, { '[PAD]': 0, '[UNK]': 100, '[CLS]': 101, '[SEP]': 102, '[MASK]': 103 });
    for (const [token, id] of Object.entries({ ...specialTokens, '[unused0]': 1, '[unused98]': 99, '[unused99]': 104, '[unused993]': 998, '!': 999 })) {
      assert.equal(tokenizer.token_to_id(token), id, token);
    }
  });

  it('is the same text on every call', () => {
    assert.equal(buildTokenizerJson(), tokenizerJson);
  });

  it('has no entry that normalised text can never match', () => {
    const vocabulary = Object.keys(JSON.parse(tokenizerJson).model.vocab as Record<string, number>);
    const unreachable = vocabulary
      .filter((token) => !/^\[[A-Za-z]+\d*\]$/.test(token))
      .filter((token) => token.replace(/^##(?=.)/, '') !== tokenizer.normalizer!(token.replace(/^##(?=.)/, '')).trim());
    assert.deepEqual(unreachable, []);
  });

  it('reads ordinary English mostly as whole words', () => {
    const text =
      'Serverless platforms start a container for a function when a request comes in. Loading large libraries and models takes most of that time, ' +
      'so the first customer waits for several seconds. We keep them ready in memory that idle containers already hold, and measure what it saves.';
    const { tokens } = tokenizer.encode(text, { add_special_tokens: false });
    const wordCount = text.match(/\w+|[.,]/g)!.length;
    assert.ok(!tokens.includes('[UNK]'));
    assert.ok(tokens.length <= wordCount * 1.15, `${tokens.length} tokens for ${wordCount} words: ${tokens.join(' ')}`);
  });

  it('cuts every word of letters and digits into pieces that it knows, and back', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]{1,40}$/), (word) => {
        const { tokens } = tokenizer.encode(word, { add_special_tokens: false });
        assert.equal(tokens.map((token: string) => token.replace(/^##/, '')).join(''), word);
      }),
    );
  });

  for (const [text, tokens] of [
    ['Café', ['caf', '##e']],
    ['ΩΜΕΓΑ', ['ω', '##μ', '##ε', '##γ', '##α']],
    ['Привет', ['п', '##р', '##и', '##в', '##е', '##т']],
    ['日本', ['[UNK]', '[UNK]']],
    ['😀', ['[UNK]']],
    ['a\u0000b\u200b', ['ab']],
  ] as const) {
    it(`reads ${JSON.stringify(text)} as ${tokens.join(' ')}`, () => {
      const read = tokenizer.encode(text, { add_special_tokens: false }).tokens;
      assert.deepEqual(text.startsWith('a') ? [read.map((token: string) => token.replace(/^##/, '')).join('')] : read, tokens);
    });
  }
});

describe("BERT's tokens", () => {
  const id = (token: string): number => tokenizer.token_to_id(token)!;

  it('of one text are [CLS] text [SEP] and padding, with a mask over the padding', () => {
    const { rows, tokenCount, truncated } = bertTokens(tokenizer, 'The dog', undefined, 6);
    assert.deepEqual(numbers(rows.input_ids), [101, id('the'), id('dog'), 102, 0, 0]);
    assert.deepEqual(numbers(rows.attention_mask), [1, 1, 1, 1, 0, 0]);
    assert.deepEqual(numbers(rows.token_type_ids), [0, 0, 0, 0, 0, 0]);
    assert.deepEqual({ tokenCount, truncated }, { tokenCount: 4, truncated: false });
  });

  it('of a pair tell the second text apart', () => {
    const { rows } = bertTokens(tokenizer, 'the dog', 'a cat', 8);
    assert.deepEqual(numbers(rows.input_ids), [101, id('the'), id('dog'), 102, id('a'), id('cat'), 102, 0]);
    assert.deepEqual(numbers(rows.token_type_ids), [0, 0, 0, 0, 1, 1, 1, 0]);
  });

  it('are the same as those of the library where nothing is cut', () => {
    const [text, pair] = ['How long does it take?', 'As long as it takes!'];
    const encoding = tokenizer.encode(text, { text_pair: pair, return_token_type_ids: true });
    const { rows, tokenCount } = bertTokens(tokenizer, text, pair, 32);
    assert.deepEqual(numbers(rows.input_ids).slice(0, tokenCount), encoding.ids);
    assert.deepEqual(numbers(rows.token_type_ids).slice(0, tokenCount), encoding.token_type_ids);
  });

  it('of a text that is too long end with [SEP] and say that they were cut', () => {
    const { rows, tokenCount, truncated } = bertTokens(tokenizer, 'one two three four five', undefined, 5);
    assert.deepEqual(numbers(rows.input_ids), [101, id('one'), id('two'), id('three'), 102]);
    assert.deepEqual({ tokenCount, truncated }, { tokenCount: 5, truncated: true });
  });

  it('of a text that just fits are whole', () => {
    assert.equal(bertTokens(tokenizer, 'one two three', undefined, 5).truncated, false);
  });

  it('of a pair that is too long lose the end of the longer text first', () => {
    const cut = (text: string, pair: string): number[] => {
      const { rows } = bertTokens(tokenizer, text, pair, 9);
      const types = numbers(rows.token_type_ids);
      return [types.filter((type) => type === 0).length - 2, types.filter((type) => type === 1).length - 1];
    };
    assert.deepEqual(cut('one two three four five six seven', 'a'), [5, 1]);
    assert.deepEqual(cut('a', 'one two three four five six seven'), [1, 5]);
    assert.deepEqual(cut('one two three four five', 'one two three four five'), [3, 3]);
  });
});

describe('the action bert-base', () => {
  let action: UnpackedAction;
  let session: RecordingSession;
  beforeEach(async () => {
    action = await unpackAction('bert-base');
    const file = path.join(action.dir, 'tokenizer-of-test.json');
    await writeFile(file, tokenizerJson);
    session = new RecordingSession({ input_ids: [1, 'sequence'], attention_mask: [1, 'sequence'], token_type_ids: [1, 'sequence'] }, {
      last_hidden_state: { data: new Float32Array(16 * 4) },
      pooler_output: { data: Float32Array.of(0.25, -0.5, 0.75, 1) },
    });
    const input: SampleInput = { type: 'int64', dims: [1, 16], fill: 0 };
    action.models.set('bert-base', {
      session,
      sampleInputs: { input_ids: input, attention_mask: input, token_type_ids: input },
      attachments: { 'tokenizer.json': file },
    });
  });
  afterEach(() => action.remove());

  it('answers with the pooled embedding of the text', async () => {
    const result = await action.main({ text: 'The dog' });
    assert.deepEqual(result['embedding'], [0.25, -0.5, 0.75, 1]);
    assert.deepEqual([result['model'], result['tokenCount'], result['truncated'], result['sample']], ['bert-base', 4, false, undefined]);
    assert.deepEqual(Object.keys(result['timings'] as object), ['loadMs', 'tokenizeMs', 'inferenceMs']);
    const feeds = session.feeds[0]!;
    assert.deepEqual(Object.keys(feeds).sort(), ['attention_mask', 'input_ids', 'token_type_ids']);
    assert.deepEqual([feeds['input_ids']!.type, [...feeds['input_ids']!.dims]], ['int64', [1, 16]]);
    assert.deepEqual(numbers(feeds['input_ids']!.data as BigInt64Array).slice(0, 5), [101, tokenizer.token_to_id('the'), tokenizer.token_to_id('dog'), 102, 0]);
  });

  it('has a sample text of its own', async () => {
    const result = await action.main({});
    assert.equal(result['sample'], true);
    assert.equal(result['tokenCount'], 12);
  });

  it('says when it did not read all of a text', async () => {
    assert.equal((await action.main({ text: 'word '.repeat(1000) }))['truncated'], true);
  });

  it('feeds a model without token types only what it takes', async () => {
    const { sampleInputs, ...rest } = action.models.get('bert-base')!;
    const { input_ids, attention_mask } = sampleInputs;
    action.models.set('bert-base', { ...rest, sampleInputs: { input_ids: input_ids!, attention_mask: attention_mask! } });
    await action.main({ text: 'one', textPair: 'two' });
    assert.deepEqual(Object.keys(session.feeds[0]!), ['input_ids', 'attention_mask']);
  });

  const bad: [why: string, parameters: Record<string, unknown>, message: RegExp][] = [
    ['a text that is a number', { text: 5 }, /"text" is a number; send the text as a string/],
    ['a text that is null', { text: null }, /"text" is null/],
    ['a list of texts', { text: ['a', 'b'] }, /"text" is an array/],
    ['an empty text', { text: ' \n' }, /"text" is empty/],
    ['a pair without a text', { textPair: 'a' }, /"textPair" comes without "text"/],
    ['an empty pair', { text: 'a', textPair: '' }, /"textPair" is empty/],
    ['a text of more than 100000 characters', { text: 'a'.repeat(100_001) }, /"text" has 100001 characters; send at most 100000/],
  ];
  for (const [why, parameters, message] of bad) {
    it(`answers ${why} with an error that says what to do, without running the model`, async () => {
      const result = await action.main(parameters);
      assert.deepEqual(Object.keys(result), ['error']);
      assert.match(String(result['error']), message);
      assert.equal(session.feeds.length, 0);
    });
  }
});
