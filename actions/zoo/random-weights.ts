// Seeded random weights as a stream of chunks: the same seed, model and tensor name give the same bytes, whatever else
// is written and in what order. It knows nothing of files.
import { elementCount, type WeightTensor } from './graph-builder.ts';

/** Where the bytes of a tensor come from: float32, little endian, in chunks whose buffer is reused for the next. */
export type WeightSource = (tensor: WeightTensor) => Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** 4 MB: large enough that writing and hashing dominate, small enough to stay in the processor's cache. */
const chunkElements = 1 << 20;

/** FNV-1a, 32 bits. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/**
 * Fills `values` from the tensor's range and returns the state to go on from. Xorshift with Marsaglia's shifts
 * (13, 17, 5): about a nanosecond a value, so that the 442 million of the zoo cost half a second or so.
 */
function fillUniform(values: Float32Array, state: number, low: number, high: number): number {
  const middle = (low + high) / 2;
  const scale = (high - low) / 2 ** 32;
  let x = state;
  for (let index = 0; index < values.length; index++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    values[index] = middle + x * scale;
  }
  return x;
}

/** Random weights for the tensors of `model`. */
export function randomWeights(seed: number, model: string): WeightSource {
  return function* (tensor) {
    // Xorshift stays at 0 once there.
    let state = hashText(`${seed}/${model}/${tensor.name}`) | 0 || 1;
    const buffer = new Float32Array(Math.min(chunkElements, elementCount(tensor.dims)));
    for (let left = elementCount(tensor.dims); left > 0; left -= buffer.length) {
      const values = buffer.subarray(0, Math.min(left, buffer.length));
      state = fillUniform(values, state, tensor.range.low, tensor.range.high);
      yield new Uint8Array(values.buffer, 0, values.byteLength);
    }
  };
}
