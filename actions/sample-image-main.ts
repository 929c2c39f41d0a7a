// Draws the built-in sample of the image actions, a small landscape: node build/actions/sample-image-main.js FILE.
import sharp from 'sharp';

const drawing = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240">
  <defs><linearGradient id="sky" x2="0" y2="1"><stop stop-color="#3a7bd5"/><stop offset="1" stop-color="#f7e8c3"/></linearGradient></defs>
  <rect width="320" height="240" fill="url(#sky)"/>
  <circle cx="230" cy="70" r="28" fill="#ffd34d"/>
  <path d="M0 190 L90 90 L150 160 L210 110 L320 200 V240 H0 Z" fill="#5b6b73"/>
  <path d="M0 205 Q80 165 160 205 T320 200 V240 H0 Z" fill="#3f7d3a"/>
</svg>`;

const [file] = process.argv.slice(2);
if (file === undefined) {
  process.stderr.write('Usage: node build/actions/sample-image-main.js FILE\n');
  process.exitCode = 2;
} else {
  await sharp(Buffer.from(drawing)).png({ compressionLevel: 9, palette: true, colours: 64 }).toFile(file);
}
