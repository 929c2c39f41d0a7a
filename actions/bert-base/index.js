// Gives the pooled BERT-base embedding of a text, or of a pair of texts.
'use strict';

const { readFileSync } = require('node:fs');
const { library, model, sampleInputs } = require('instainfer');
const { InputError, answer, kindOf } = require('./shared/input-error.js');
const { modelFile } = require('./shared/model-file.js');
const { bertTokens } = require('./text-tokens.js');
const { rounded } = require('./shared/rounded.js');

const modelName = 'bert-base';
const sampleText = 'The quick brown fox jumps over the lazy dog.';

/** Far more than the model reads (128 tokens): what is beyond would be tokenised only to be thrown away. */
const maxTextLength = 100_000;

/** Built once in a process: a vocabulary takes some milliseconds to index. */
let tokenizer;

/**
 * @param parameters `text` (without it, a built-in sample) and, optionally, `textPair`
 * @returns `{ model, embedding: number[], tokenCount, truncated, timings }`, or `{ error }` when the parameters are wrong
 */
exports.main = (parameters) =>
  answer(parameters, async (given) => {
    const text = textParameter('text', given.text) ?? sampleText;
    const textPair = textParameter('textPair', given.textPair);
    if (textPair !== undefined && given.text === undefined) {
      throw new InputError('"textPair" comes without "text"; send both, or "text" alone.');
    }

    const startMs = performance.now();
    const session = await model(modelName);
    const inputs = await sampleInputs(modelName);
    tokenizer ??= await loadTokenizer();
    const { Tensor } = require('onnxruntime-node');

    const loadedMs = performance.now();
    const dims = inputs.input_ids.dims;
    const { rows, tokenCount, truncated } = bertTokens(tokenizer, text, textPair, dims[1]);

    const tokenizedMs = performance.now();
    const feeds = Object.fromEntries(Object.keys(inputs).map((name) => [name, new Tensor('int64', rows[name], dims)]));
    const { pooler_output: pooled } = await session.run(feeds, ['pooler_output']);
    const inferredMs = performance.now();

    return {
      model: modelName,
      ...(given.text === undefined ? { sample: true } : {}),
      embedding: Array.from(pooled.data),
      tokenCount,
      truncated,
      timings: {
        loadMs: rounded(loadedMs - startMs),
        tokenizeMs: rounded(tokenizedMs - loadedMs),
        inferenceMs: rounded(inferredMs - tokenizedMs),
      },
    };
  });

function textParameter(name, value) {
  if (value === undefined) return undefined;
  if (typeof value !== 'string') throw new InputError(`"${name}" is ${kindOf(value)}; send the text as a string.`);
  if (value.trim() === '') throw new InputError(`"${name}" is empty; send some text, or leave it out.`);
  if (value.length > maxTextLength) {
    throw new InputError(`"${name}" has ${value.length} characters; send at most ${maxTextLength}: the model reads 128 tokens.`);
  }
  return value;
}

async function loadTokenizer() {
  const { Tokenizer } = library('@huggingface/tokenizers');
  const file = await modelFile(modelName, 'tokenizer.json');
  return new Tokenizer(JSON.parse(readFileSync(file, 'utf8')), {});
}
