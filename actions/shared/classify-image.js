// Answers one call of an image classification action: picture in, best classes out. Which model it is and how that
// model wants its pixels is said in the action's index.js; having the model at hand is the work of the SDK.
'use strict';

const { readFileSync } = require('node:fs');
const path = require('node:path');
const { library, model, sampleInputs } = require('instainfer');
const { decodeImageParameter, squarePixels } = require('./image-input.js');
const { InputError, answer, kindOf } = require('./input-error.js');
const { modelFile } = require('./model-file.js');
const { normalisedPlanes, topClasses } = require('./tensors.js');
const { rounded } = require('./rounded.js');

/** What torchvision's classification weights expect. */
const imagenetNormalisation = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Values from -1 to 1: what torchvision's Inception v3 and GoogLeNet compute inside before their first layer. */
const inceptionNormalisation = { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] };

const defaultTop = 5;
const maxTop = 1000;

/** Class names of each model that has a `labels.txt`, one line for each class; undefined for one that has none. */
const labelsOfModel = new Map();

/**
 * @param action `model`: its name in instainfer.json; `normalisation`: one of the above
 * @param parameters `image`: PNG or JPEG as base64 (without it, a built-in sample); `top`: how many classes, 1 to 1000
 * @returns `{ model, top: [{ class, score, label? }], timings }`, or `{ error }` when the parameters are wrong
 */
function classifyImage(action, parameters) {
  return answer(parameters, async ({ image, top }) => {
    const bytes = imageBytes(image);
    const count = topCount(top);

    const startMs = performance.now();
    const session = await model(action.model);
    const sharp = preparedSharp();
    const { inputName, dims } = imageInput(action.model, session, await sampleInputs(action.model));
    const labels = await labelsOf(action.model);
    const { Tensor } = require('onnxruntime-node');

    const loadedMs = performance.now();
    const pixels = await squarePixels(sharp, bytes, dims[2]);
    const tensor = new Tensor('float32', normalisedPlanes(pixels, action.normalisation), dims);

    const decodedMs = performance.now();
    const outputs = await session.run({ [inputName]: tensor });
    const inferredMs = performance.now();

    const logits = outputs[session.outputNames[0]].data;
    return {
      model: action.model,
      ...(image === undefined ? { sample: true } : {}),
      top: topClasses(logits, count).map((best) => (labels ? { ...best, label: labels[best.class] } : best)),
      timings: {
        loadMs: rounded(loadedMs - startMs),
        decodeMs: rounded(decodedMs - loadedMs),
        inferenceMs: rounded(inferredMs - decodedMs),
      },
    };
  });
}

function imageBytes(image) {
  return image === undefined ? readFileSync(path.join(__dirname, 'sample.png')) : decodeImageParameter(image);
}

function topCount(top = defaultTop) {
  if (Number.isInteger(top) && top >= 1 && top <= maxTop) return top;
  const found = typeof top === 'number' ? top : kindOf(top);
  throw new InputError(`"top" is ${found}; send a whole number from 1 to ${maxTop}, or leave it out for ${defaultTop}.`);
}

/** One decoding thread is enough for one small picture, and nothing is decoded twice: a cache would only hold memory. */
function preparedSharp() {
  const sharp = library('sharp');
  sharp.concurrency(1);
  sharp.cache(false);
  return sharp;
}

/** The one image input, [1, 3, size, size]: as the model store describes it, or else as the model itself does. */
function imageInput(modelName, session, samples) {
  const [metadata, ...others] = session.inputMetadata;
  const dims = samples[metadata.name]?.dims ?? metadata.shape;
  if (others.length > 0 || dims.length !== 4 || dims[0] !== 1 || dims[1] !== 3 || dims[2] !== dims[3] || !Number.isInteger(dims[2])) {
    throw new Error(`The model ${modelName} takes ${JSON.stringify(dims)}; an image action needs one input of fixed dimensions [1, 3, size, size].`);
  }
  return { inputName: metadata.name, dims };
}

async function labelsOf(modelName) {
  if (!labelsOfModel.has(modelName)) {
    const file = await modelFile(modelName, 'labels.txt').catch(() => undefined);
    labelsOfModel.set(modelName, file && readFileSync(file, 'utf8').trimEnd().split(/\r?\n/));
  }
  return labelsOfModel.get(modelName);
}

module.exports = { classifyImage, imagenetNormalisation, inceptionNormalisation };
