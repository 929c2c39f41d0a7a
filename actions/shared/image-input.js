// From the base64 text of a PNG or JPEG to the pixels of a square crop, the way torchvision prepares images for
// evaluation: shorter side to 256/224 of the crop, bilinear with antialiasing, then the centre. It knows no model.
'use strict';

const { InputError, kindOf } = require('./input-error.js');

/** Decoded file size. Stock OpenWhisk takes 1 MiB of parameters; this is for deployments that take more. */
const maxImageBytes = 16 * 1024 * 1024;

/** A picture of a few kilobytes can claim to be gigapixels large; phones make up to 50 megapixels. */
const maxImagePixels = 64e6;

const formats = [
  { name: 'PNG', magic: Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) },
  { name: 'JPEG', magic: Buffer.from([0xff, 0xd8, 0xff]) },
];

/**
 * The bytes of the parameter `image`: base64 text, with or without a `data:` prefix.
 * Other formats than PNG and JPEG are refused by their first bytes, so that no other decoder ever sees a caller's data.
 */
function decodeImageParameter(image) {
  if (typeof image !== 'string') {
    throw new InputError(`"image" is ${kindOf(image)}; send the PNG or JPEG file as base64 text.`);
  }
  const bytes = decodeBase64(image);
  if (!formats.some(({ magic }) => bytes.subarray(0, magic.length).equals(magic))) {
    throw new InputError('"image" is neither a PNG nor a JPEG file; convert it to one of these.');
  }
  return bytes;
}

function decodeBase64(image) {
  // A quarter more text than bytes would do for clean base64; line breaks and the data: prefix take some more.
  if (image.length > maxImageBytes * 1.5) throw tooLarge();
  let text = image;
  if (text.startsWith('data:')) {
    const comma = text.indexOf(',');
    if (comma < 0 || !text.slice(0, comma).endsWith(';base64')) {
      throw new InputError('"image" is a data: URL that is not base64; send data:image/png;base64,… or the base64 text alone.');
    }
    text = text.slice(comma + 1);
  }
  text = text.replace(/\s+/g, '');
  if (text === '') throw new InputError('"image" is empty; send the PNG or JPEG file as base64 text, or leave it out for the built-in sample.');
  const bare = text.replace(/={1,2}$/, '');
  // Buffer.from skips what is not base64 without a word, hence this check. The URL-safe alphabet is fine too.
  if (!/^[A-Za-z0-9+/_-]*$/.test(bare) || bare.length % 4 === 1) {
    throw new InputError('"image" is not valid base64; send the whole file, for example the output of: base64 -w0 picture.png');
  }
  const bytes = Buffer.from(bare, 'base64');
  if (bytes.length > maxImageBytes) throw tooLarge();
  return bytes;
}

const tooLarge = () => new InputError(`"image" is larger than ${maxImageBytes / 1024 / 1024} MiB; make it smaller: only its centre is looked at, in low resolution.`);

/**
 * Decodes to `size` x `size` pixels, 3 bytes each (sRGB, no alpha), upright by the EXIF orientation.
 * @returns a Buffer of size * size * 3 bytes, row by row.
 */
async function squarePixels(sharp, bytes, size) {
  try {
    const image = sharp(bytes, { limitInputPixels: maxImagePixels });
    const { width, height } = (await image.metadata()).autoOrient;
    const scale = Math.round((size * 256) / 224) / Math.min(width, height);
    // The longer side is truncated, as torchvision does; the shorter one must not lose a pixel to floating point.
    const scaledWidth = width <= height ? Math.round(width * scale) : Math.floor(width * scale);
    const scaledHeight = height <= width ? Math.round(height * scale) : Math.floor(height * scale);
    return await image
      .autoOrient()
      .resize({ width: scaledWidth, height: scaledHeight, fit: 'fill', kernel: 'linear' })
      .extract({ left: centreStart(scaledWidth, size), top: centreStart(scaledHeight, size), width: size, height: size })
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer();
  } catch (cause) {
    const reason = String(cause.message).split('\n')[0];
    throw new InputError(`"image" cannot be decoded (${reason}); send a complete PNG or JPEG of at most ${maxImagePixels / 1e6} megapixels.`);
  }
}

/** Where a centred crop starts; halves go to the even number, as Python rounds for torchvision. */
function centreStart(length, size) {
  const start = (length - size) / 2;
  return start % 2 === 0.5 ? Math.floor(start) : Math.round(start);
}

module.exports = { decodeImageParameter, squarePixels, maxImageBytes, maxImagePixels };
