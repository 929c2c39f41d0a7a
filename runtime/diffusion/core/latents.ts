// The noise a picture starts from: the numbers that PyTorch's generator on a CPU gives for the same seed and count, so that
// a seed gives the picture here that it gives there.

const wordCount = 624;
const shift = 397;

/** MT19937 (Matsumoto & Nishimura, 1998), seeded with 32 bits. */
function mersenneTwister(seed: number): () => number {
  const state = new Uint32Array(wordCount);
  state[0] = seed;
  for (let at = 1; at < wordCount; at += 1) {
    const former = state[at - 1] ?? 0;
    state[at] = Math.imul(1_812_433_253, former ^ (former >>> 30)) + at;
  }
  let position = wordCount;
  const twist = (): void => {
    for (let at = 0; at < wordCount; at += 1) {
      const mixed = ((state[at] ?? 0) & 0x80000000) | ((state[(at + 1) % wordCount] ?? 0) & 0x7fffffff);
      state[at] = (state[(at + shift) % wordCount] ?? 0) ^ (mixed >>> 1) ^ ((mixed & 1) === 0 ? 0 : 0x9908b0df);
    }
    position = 0;
  };
  return () => {
    if (position === wordCount) twist();
    let word = state[position] ?? 0;
    position += 1;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    word ^= word >>> 18;
    return word >>> 0;
  };
}

/** PyTorch transforms numbers in blocks of this many. */
const blockSize = 16;

/** The least count that {@link gaussianNoise} makes: PyTorch draws fewer in another way. */
export const leastNoiseCount = blockSize;

/**
 * Independent numbers of the standard normal distribution (Box & Muller, 1958), as `torch.randn` on a CPU draws them.
 * @param seed its lowest 32 bits count
 * @param count at least {@link leastNoiseCount}
 */
export function gaussianNoise(seed: number, count: number): Float32Array {
  if (count < blockSize) throw new RangeError(`at least ${blockSize} numbers, not ${count}`);
  const nextWord = mersenneTwister(seed % 2 ** 32);
  const uniform = (): number => (nextWord() & 0xffffff) / 2 ** 24;
  const noise = Float32Array.from({ length: count }, uniform);
  for (let start = 0; start + blockSize <= count; start += blockSize) transformBlock(noise.subarray(start, start + blockSize));
  if (count % blockSize !== 0) {
    // What is left over is drawn again, together with so much before it as makes a block.
    const last = noise.subarray(count - blockSize);
    for (let at = 0; at < blockSize; at += 1) last[at] = uniform();
    transformBlock(last);
  }
  return noise;
}

function transformBlock(block: Float32Array): void {
  const half = blockSize / 2;
  for (let at = 0; at < half; at += 1) {
    const radius = Math.sqrt(-2 * Math.log(1 - (block[at] ?? 0)));
    const angle = 2 * Math.PI * (block[at + half] ?? 0);
    block[at] = radius * Math.cos(angle);
    block[at + half] = radius * Math.sin(angle);
  }
}

/**
 * Classifier-free guidance (Ho & Salimans, 2022): away from what the negative prompt gives, by `scale` times the difference.
 * @param both the UNet's answers, for the negative prompt first
 */
export function guided(both: Float32Array, scale: number): Float32Array {
  const half = both.length / 2;
  return both.subarray(0, half).map((negative, at) => negative + scale * ((both[at + half] ?? 0) - negative));
}
