// A model store with one large model in a loading form that is mapped: as large as a test wants it, made in no time. Its
// weights are all zero, in a file without blocks on the disk; in memory its pages are pages like any other's. Or they are there
// in full, for who wants them read from a disk.
import { createHash } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { currentFormKey } from '../model-store/form-key.ts';
import { manifestFileName, type Manifest, type StoredFile } from '../model-store/manifest.ts';
import { quietOptions } from '../model-store/open-model.ts';
import { tinyModel } from '../model-store/tiny-model.ts';
import { bytes, floats, number, text } from './tiny-store.ts';

/** Where the weights lie in the store. */
export const weightsFileName = 'large/weights.data';

/** Code of an action that multiplies with the model `large`, and so reads all of its weights. */
export const multiplyingCode = `
  const { model } = require('instainfer');
  const { Tensor } = require('onnxruntime-node');
  async function main() {
    const session = await model('large');
    const side = session.inputMetadata[0].shape[1];
    await session.run({ x: new Tensor('float32', new Float32Array(side), [1, side]) });
    return { done: true };
  }`;

/** Nobody has computed it; no two files have the same. */
const madeUpDigest = (name: string): string => createHash('sha256').update(name).digest('hex');

/** Writes a store into an empty folder; its model `large` multiplies `x` with a square matrix of about so many bytes. */
export function writeMappedStore(directory: string, weightBytes: number, weights: 'sparse' | 'in full' = 'sparse'): void {
  const side = Math.floor(Math.sqrt(weightBytes / 4));
  mkdirSync(path.join(directory, 'large'), { mode: 0o755 });
  const graph = storeFile(directory, 'large/large.onnx', mappedMatrix(side));
  const file = openSync(path.join(directory, weightsFileName), 'w', 0o644);
  if (weights === 'sparse') ftruncateSync(file, side * side * 4);
  else writeSync(file, Buffer.alloc(side * side * 4, 1));
  closeSync(file);
  const opening = { file: graph.path, sessionOptions: { graphOptimizationLevel: 'disabled', extra: { session: { ...quietOptions.extra.session, disable_prepacking: '1' } } } };
  const manifest: Manifest = {
    formatVersion: 1,
    models: [
      {
        name: 'large',
        version: '1',
        parameterCount: side * side,
        plain: storeFile(directory, 'large/plain.onnx', tinyModel),
        form: {
          key: currentFormKey(),
          kind: 'external-data',
          files: [graph, { path: weightsFileName, bytes: side * side * 4, sha256: madeUpDigest(weightsFileName) }],
          onPath: opening,
          ahead: opening,
          measured: { onPathLoadMs: 30, aheadLoadMs: 30, firstRunMs: 100, steadyRunMs: 100, privateBytes: 30e6 },
        },
        sampleInputs: { x: { type: 'float32', dims: [1, side], fill: 1 } },
        attachments: [],
      },
    ],
  };
  writeFileSync(path.join(directory, manifestFileName), JSON.stringify(manifest));
}

function storeFile(directory: string, name: string, content: Uint8Array): StoredFile {
  writeFileSync(path.join(directory, name), content);
  return { path: name, bytes: content.length, sha256: madeUpDigest(name) };
}

/** IR version 8, opset 17: `x` float32 [1, n] · `w` float32 [n, n] -> `y` float32 [1, n], with `w` in a file of its own. */
function mappedMatrix(side: number): Buffer {
  const node = Buffer.concat([text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, 'MatMul')]);
  const location = bytes(13, Buffer.concat([text(1, 'location'), text(2, path.basename(weightsFileName))]));
  const weights = Buffer.concat([number(1, side), number(1, side), number(2, 1), text(8, 'w'), location, number(14, 1)]);
  const graph = Buffer.concat([bytes(1, node), text(2, 'large'), bytes(5, weights), bytes(11, floats('x', 1, side)), bytes(12, floats('y', 1, side))]);
  return Buffer.concat([number(1, 8), bytes(7, graph), bytes(8, number(2, 17))]);
}
