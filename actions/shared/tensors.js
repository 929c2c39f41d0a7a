// The arithmetic before and after an image model: bytes to normalised planes, logits to the best classes.
'use strict';

/**
 * Interleaved RGB bytes to three float planes (NCHW of one image): (byte / 255 - mean) / std for each channel.
 * @param pixels width * height * 3 bytes
 * @param normalisation `mean` and `std` of red, green and blue, for values in 0..1
 */
function normalisedPlanes(pixels, { mean, std }) {
  const planeLength = pixels.length / 3;
  const planes = new Float32Array(pixels.length);
  for (let channel = 0; channel < 3; channel += 1) {
    const scale = 1 / (255 * std[channel]);
    const shift = mean[channel] / std[channel];
    const start = channel * planeLength;
    for (let index = 0; index < planeLength; index += 1) {
      planes[start + index] = pixels[index * 3 + channel] * scale - shift;
    }
  }
  return planes;
}

/** Probabilities of logits. The largest is subtracted first, so that no exponential overflows. */
function softmax(logits) {
  let largest = -Infinity;
  for (const logit of logits) if (logit > largest) largest = logit;
  const exponentials = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

/** The `count` most probable classes, best first; of equal scores the smaller class number first. */
function topClasses(logits, count) {
  return softmax(logits)
    .map((score, index) => ({ class: index, score }))
    .sort((left, right) => right.score - left.score || left.class - right.class)
    .slice(0, count);
}

module.exports = { normalisedPlanes, softmax, topClasses };
