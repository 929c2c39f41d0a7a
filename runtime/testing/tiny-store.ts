// A model store with models of a few bytes, and one whose private memory is as large as a test wants it.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { manifestFileName, type Manifest, type StoredFile } from '../model-store/manifest.ts';
import { tinyModel } from '../model-store/tiny-model.ts';

export interface TinyStoreOptions {
  /** Names of the models; all are the same ReLU of one number. */
  readonly models: readonly string[];
  /** Weight bytes of one further model, `heavy`. */
  readonly heavyBytes?: number;
}

/** Writes a store into an empty folder. */
export function writeTinyStore(directory: string, { models, heavyBytes }: TinyStoreOptions): void {
  const entries = models.map((name) => ({
    name,
    version: '1',
    parameterCount: 1,
    plain: storeFile(directory, `${name}/${name}.onnx`, tinyModel),
    sampleInputs: { x: { type: 'float32' as const, dims: [1], fill: 1 } },
    attachments: [storeFile(directory, `${name}/words.txt`, Buffer.from(`words of ${name}`))],
  }));
  if (heavyBytes !== undefined) {
    entries.push({
      name: 'heavy',
      version: '1',
      parameterCount: heavyBytes / 4,
      plain: storeFile(directory, 'heavy/heavy.onnx', heavyModel(heavyBytes)),
      sampleInputs: { x: { type: 'float32' as const, dims: [1], fill: 1 } },
      attachments: [],
    });
  }
  const manifest: Manifest = { formatVersion: 1, models: entries };
  writeFileSync(path.join(directory, manifestFileName), JSON.stringify(manifest));
}

function storeFile(directory: string, name: string, content: Uint8Array): StoredFile {
  const file = path.join(directory, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, content);
  return { path: name, bytes: content.length, sha256: createHash('sha256').update(content).digest('hex') };
}

/** IR version 8, opset 17: `x` float32 [1] + `w` float32 [n] -> `y` float32 [n]. */
export function heavyModel(weightBytes: number): Buffer {
  const count = weightBytes / 4;
  const node = Buffer.concat([text(1, 'x'), text(1, 'w'), text(2, 'y'), text(4, 'Add')]);
  const weights = Buffer.concat([number(1, count), number(2, 1), text(8, 'w'), bytes(9, Buffer.alloc(weightBytes, 1))]);
  const graph = Buffer.concat([bytes(1, node), text(2, 'heavy'), bytes(5, weights), bytes(11, floats('x', 1)), bytes(12, floats('y', count))]);
  return Buffer.concat([number(1, 8), bytes(7, graph), bytes(8, number(2, 17))]);
}

/** A value of the graph: a float32 tensor. */
export function floats(name: string, ...dimensions: readonly number[]): Buffer {
  const shape = Buffer.concat(dimensions.map((dimension) => bytes(1, number(1, dimension))));
  return Buffer.concat([text(1, name), bytes(2, bytes(1, Buffer.concat([number(1, 1), bytes(2, shape)])))]);
}

/** Protocol buffers: a length-delimited field, a string and a variable-length number. */
export const bytes = (field: number, content: Buffer): Buffer => Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
export const text = (field: number, content: string): Buffer => bytes(field, Buffer.from(content));
export const number = (field: number, value: number): Buffer => Buffer.concat([varint(field * 8), varint(value)]);

function varint(value: number): Buffer {
  const groups: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...groups, rest]);
    groups.push((rest % 128) | 128);
  }
}
