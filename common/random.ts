// A small seeded generator of pseudo-random numbers, so that whatever draws from it can be repeated. Not for secrets.

/** A stream of pseudo-random numbers. */
export interface Random {
  /** The next number of the uniform distribution over [0, 1), with 32 bits of resolution. */
  uniform(): number;
  /** Uniform over [min, max). */
  uniformBetween(min: number, max: number): number;
  /** Exponential with the given mean (in the unit of the mean): inter-arrival times of a Poisson process. */
  exponential(mean: number): number;
  /** One of the items, each as likely; throws RangeError for an empty list. */
  pick<T>(items: readonly T[]): T;
}

/** 32-bit FNV-1a over the UTF-16 code units of a text. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** Spreads one 32-bit seed into successive well-mixed words (Steele, Lea and Flood's SplitMix, 32-bit variant). */
function splitMix32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let word = state;
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    return (word ^ (word >>> 15)) >>> 0;
  };
}

const rotateLeft = (word: number, bits: number): number => ((word << bits) | (word >>> (32 - bits))) >>> 0;

/**
 * A generator with the xoshiro128** algorithm (Blackman and Vigna, 2018; period 2^128 − 1).
 *
 * @param seed any finite number; its integer part modulo 2^32 counts.
 * @param stream names an independent stream of the same seed: a consumer that draws more or less from its own stream
 *   does not shift anybody else's numbers.
 */
export function createRandom(seed: number, stream = ''): Random {
  const nextSeedWord = splitMix32((Math.trunc(seed) >>> 0) ^ hashText(stream));
  const state = Uint32Array.from([nextSeedWord(), nextSeedWord(), nextSeedWord(), nextSeedWord() | 1]);

  const nextWord = (): number => {
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const third = s2 ^ s0;
    const fourth = s3 ^ s1;
    state[0] = s0 ^ fourth;
    state[1] = s1 ^ third;
    state[2] = third ^ (s1 << 9);
    state[3] = rotateLeft(fourth >>> 0, 11);
    return result;
  };
  const uniform = (): number => nextWord() / 2 ** 32;

  return {
    uniform,
    uniformBetween: (min, max) => min + (max - min) * uniform(),
    exponential: (mean) => -mean * Math.log(1 - uniform()),
    pick<T>(items: readonly T[]): T {
      if (items.length === 0) throw new RangeError('nothing to pick from');
      return items[Math.floor(uniform() * items.length)] as T;
    },
  };
}
