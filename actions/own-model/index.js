// Runs an ONNX model on numbers that the caller sends: the action to begin with for a model of your own.
'use strict';

const { model, sampleInputs } = require('instainfer');
const { InputError, answer, kindOf } = require('./shared/input-error.js');
const { rounded } = require('./shared/rounded.js');

const modelName = 'own-model';
/** So many numbers of each output are sent back; a result may have 1 MiB. */
const mostNumbers = 1000;

const arrays = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array, bool: Uint8Array };
const numberOf = { float32: Number, int32: Math.trunc, int64: (value) => BigInt(Math.trunc(value)), bool: (value) => (value ? 1 : 0) };

/**
 * @param parameters `inputs`: for each input of the model an array of numbers, nested or flat; an input that is left out is zeros
 * @returns `{ outputs: { NAME: { dims, values } }, timings }`, or `{ error }` when the parameters are wrong
 */
exports.main = (parameters) =>
  answer(parameters, async ({ inputs = {} }) => {
    if (typeof inputs !== 'object' || inputs === null || Array.isArray(inputs)) throw new InputError(`"inputs" is ${kindOf(inputs)}; send an object with an array for each input.`);

    const startMs = performance.now();
    const session = await model(modelName);
    const samples = await sampleInputs(modelName);
    const { Tensor } = require('onnxruntime-node');
    for (const name of Object.keys(inputs)) {
      if (!session.inputNames.includes(name)) throw new InputError(`The model has no input "${name}"; it has ${session.inputNames.join(', ')}.`);
    }
    const feeds = Object.fromEntries(session.inputMetadata.map(({ name, type, shape }) => [name, tensorOf(Tensor, name, inputs[name], samples[name] ?? { type, dims: shape.map(fixed) })]));

    const loadedMs = performance.now();
    const outputs = await session.run(feeds);
    const inferredMs = performance.now();

    return {
      outputs: Object.fromEntries(Object.entries(outputs).map(([name, { dims, data }]) => [name, { dims, values: Array.from(data.slice(0, mostNumbers), Number), ...(data.length > mostNumbers ? { truncated: true } : {}) }])),
      timings: { loadMs: rounded(loadedMs - startMs), inferenceMs: rounded(inferredMs - loadedMs) },
    };
  });

/** A dimension that the model leaves open has a name, or is -1. */
const fixed = (dim) => (typeof dim === 'number' && dim > 0 ? dim : 1);

/** @param expected `type` and `dims` of the input, open dimensions being 1 */
function tensorOf(Tensor, name, value, { type, dims }) {
  const count = dims.reduce((product, dim) => product * dim, 1);
  if (arrays[type] === undefined) throw new Error(`The input ${name} has elements of ${type}, which this action does not make.`);
  if (value === undefined) return new Tensor(type, new arrays[type](count), dims);
  if (!Array.isArray(value)) throw new InputError(`The input "${name}" is ${kindOf(value)}; send an array of numbers.`);
  const numbers = value.flat(Infinity);
  const wrong = numbers.find((number) => typeof number !== 'number' && typeof number !== 'boolean');
  if (wrong !== undefined) throw new InputError(`The input "${name}" has ${kindOf(wrong)} in it; send numbers.`);
  const given = numbers.length === count ? dims : dimsOf(value);
  if (given.reduce((product, dim) => product * dim, 1) !== numbers.length) throw new InputError(`The input "${name}" is nested unevenly; it wants ${count} numbers, as ${JSON.stringify(dims)}.`);
  return new Tensor(type, arrays[type].from(numbers, numberOf[type]), given);
}

/** `[2, 3]` of two arrays of three numbers each. */
function dimsOf(value) {
  return Array.isArray(value) ? [value.length, ...(value.length > 0 ? dimsOf(value[0]) : [])] : [];
}
