// Pixels to a PNG file, by the library `sharp`, which the caller has required.
import type { EncodePng } from './diffusion-pipeline.ts';

/** @param library the module `sharp` */
export function encoderOf(library: unknown): EncodePng {
  const sharp = library as typeof import('sharp').default;
  return (rgb, width, height) => sharp(rgb, { raw: { width, height, channels: 3 } }).png().toBuffer();
}
