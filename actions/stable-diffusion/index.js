// Paints a picture after a text. As a web action it answers with the PNG file itself.
'use strict';

const { pipeline } = require('instainfer');
const { InputError, answer } = require('./shared/input-error.js');
const { rounded } = require('./shared/rounded.js');

/** What is painted for a call without a prompt: small and coarse, since nobody asked for a picture. */
const sample = { prompt: 'A lighthouse above the sea, painted in oil.', steps: 2, width: 128, height: 128, seed: 1 };

const texts = ['prompt', 'negativePrompt', 'scheduler'];
const numbers = ['steps', 'guidanceScale', 'seed', 'width', 'height'];

/**
 * @param parameters `prompt` and, optionally, `negativePrompt`, `steps`, `guidanceScale`, `seed`, `width`, `height` and
 *   `scheduler`, as the pipeline takes them
 * @returns `{ image: base64 of a PNG file, width, height, seed, steps, warnings, timings }`, or `{ error }` when the
 *   parameters are wrong; of a web action, a response of the type image/png, or one of the status 400
 */
exports.main = async (parameters) => {
  const isWeb = parameters.__ow_method !== undefined;
  const result = await answer(parameters, (given) => paint(isWeb ? fromQuery(given) : given));
  return isWeb ? webResponse(result) : result;
};

async function paint(given) {
  const asked = Object.fromEntries([...texts, ...numbers].filter((name) => given[name] !== undefined).map((name) => [name, given[name]]));
  const isSample = asked.prompt === undefined;
  if (isSample && asked.negativePrompt !== undefined) throw new InputError('"negativePrompt" comes without "prompt"; send both, or "prompt" alone.');

  const startMs = performance.now();
  const painter = await pipeline('stable-diffusion');
  const waitedMs = performance.now() - startMs;
  const { png, width, height, seed, steps, warnings, timings } = await painter.generate(isSample ? { ...sample, ...asked } : asked).catch(explain);
  return {
    ...(isSample ? { sample: true } : {}),
    image: png.toString('base64'),
    width,
    height,
    seed,
    steps,
    warnings,
    timings: { loadMs: rounded(waitedMs + timings.loadMs), encodeMs: rounded(timings.encodeMs), denoiseMs: rounded(timings.denoiseMs), decodeMs: rounded(timings.decodeMs) },
  };
}

/** What the caller sent is the caller's to mend; everything else goes on to the runtime. */
function explain(thrown) {
  if (thrown.code === 'DIFFUSION_INPUT') throw new InputError(`${thrown.message} ${thrown.fix}`);
  throw thrown;
}

/** A query and a form have texts only. */
function fromQuery(given) {
  const read = numbers.filter((name) => typeof given[name] === 'string' && given[name].trim() !== '' && !Number.isNaN(Number(given[name])));
  return { ...given, ...Object.fromEntries(read.map((name) => [name, Number(given[name])])) };
}

function webResponse(result) {
  if (result.error !== undefined) return { statusCode: 400, headers: { 'content-type': 'application/json' }, body: { error: result.error } };
  const headers = { 'content-type': 'image/png', 'x-seed': String(result.seed) };
  return { statusCode: 200, headers, body: result.image };
}
