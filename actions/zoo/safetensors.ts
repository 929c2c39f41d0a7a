// Reads .safetensors files: the header, and tensors as a stream of float32 chunks. The format: 8 bytes header length
// (little endian), a JSON header, the data. Matching tensors with a model is `import-weights.ts`'s work.
import { open, type FileHandle } from 'node:fs/promises';
import { z } from 'zod';
import { AppError } from '../../common/errors.ts';
import { hasCode } from './file-sink.ts';

/** The format's own limit. */
const maxHeaderBytes = 100e6;
/** Elements read at a time: 4 MB of float32. */
const chunkElements = 1 << 20;

/** Bytes of an element, and its conversion, of the types that weights come in. */
const elementReaders = {
  F32: { bytes: 4, read: (view: DataView, offset: number) => view.getFloat32(offset, true) },
  F64: { bytes: 8, read: (view: DataView, offset: number) => view.getFloat64(offset, true) },
  F16: { bytes: 2, read: (view: DataView, offset: number) => float16(view.getUint16(offset, true)) },
  BF16: { bytes: 2, read: (view: DataView, offset: number) => bfloat16(view.getUint16(offset, true)) },
} as const;

const bits = new DataView(new ArrayBuffer(4));

function bfloat16(half: number): number {
  bits.setUint32(0, half << 16);
  return bits.getFloat32(0);
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
function float16(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const tensorSchema = z.object({
  dtype: z.string(),
  shape: z.array(z.number().int().nonnegative()),
  data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
});
const headerSchema = z.record(z.string(), z.unknown());

/** A tensor in the file; `start` is its offset from the beginning of the file. */
export interface SafeTensor {
  readonly name: string;
  readonly elementType: string;
  readonly dims: readonly number[];
  readonly start: number;
  readonly bytes: number;
}

function notSafetensors(file: string, problem: string, cause?: unknown): AppError {
  return new AppError('MODEL_CORRUPT', `${file} is not a .safetensors file: ${problem}.`, 'Save the state dict with safetensors.torch.save_file, or download the file again.', { cause });
}

async function readHeaderText(file: string, handle: FileHandle, fileBytes: number): Promise<string> {
  const prefix = Buffer.alloc(8);
  if ((await handle.read(prefix, 0, 8, 0)).bytesRead < 8) throw notSafetensors(file, 'it is shorter than its header');
  const headerBytes = Number(prefix.readBigUInt64LE());
  if (headerBytes > maxHeaderBytes || headerBytes > fileBytes - 8) throw notSafetensors(file, `it claims a header of ${headerBytes} bytes`);
  const header = Buffer.alloc(headerBytes);
  await handle.read(header, 0, headerBytes, 8);
  return header.toString('utf8');
}

function parseHeader(file: string, text: string, fileBytes: number): SafeTensor[] {
  let header: Record<string, unknown>;
  try {
    header = headerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw notSafetensors(file, 'its header is not a JSON object', cause);
  }
  const dataStart = 8 + Buffer.byteLength(text);
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => {
      const parsed = tensorSchema.safeParse(entry);
      if (!parsed.success) throw notSafetensors(file, `its entry for ${name} lacks a type, a shape or offsets`);
      const [begin, end] = parsed.data.data_offsets;
      if (begin > end || dataStart + end > fileBytes) throw notSafetensors(file, `${name} lies outside of it`);
      return { name, elementType: parsed.data.dtype, dims: parsed.data.shape, start: dataStart + begin, bytes: end - begin };
    });
}

/** An open .safetensors file. */
export class SafetensorsFile {
  readonly tensors: ReadonlyMap<string, SafeTensor>;
  readonly #handle: FileHandle;

  private constructor(tensors: readonly SafeTensor[], handle: FileHandle) {
    this.tensors = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    this.#handle = handle;
  }

  /** @throws AppError MODEL_MISSING, MODEL_CORRUPT */
  static async open(file: string): Promise<SafetensorsFile> {
    const handle = await open(file).catch((cause: unknown) => {
      if (!hasCode(cause, 'ENOENT')) throw cause;
      throw new AppError('MODEL_MISSING', `There is no file ${file}.`, 'Correct the path.', { cause });
    });
    try {
      const fileBytes = (await handle.stat()).size;
      return new SafetensorsFile(parseHeader(file, await readHeaderText(file, handle, fileBytes), fileBytes), handle);
    } catch (thrown) {
      await handle.close();
      throw thrown;
    }
  }

  static isReadable(elementType: string): elementType is keyof typeof elementReaders {
    return Object.hasOwn(elementReaders, elementType);
  }

  /** The values of a tensor as float32, little endian, in chunks whose buffer is reused for the next. */
  async *read(tensor: SafeTensor): AsyncGenerator<Uint8Array> {
    const { elementType } = tensor;
    if (!SafetensorsFile.isReadable(elementType)) throw new Error(`${tensor.name} is of type ${elementType}.`);
    const reader = elementReaders[elementType];
    const raw = Buffer.alloc(chunkElements * reader.bytes);
    const values = new Float32Array(chunkElements);
    for (let offset = 0; offset < tensor.bytes; ) {
      const wanted = Math.min(raw.length, tensor.bytes - offset);
      const { bytesRead } = await this.#handle.read(raw, 0, wanted, tensor.start + offset);
      if (bytesRead < wanted) throw new Error(`${tensor.name} ends early: the file has changed while it was read.`);
      offset += wanted;
      if (elementType === 'F32') {
        yield raw.subarray(0, wanted);
        continue;
      }
      const view = new DataView(raw.buffer, raw.byteOffset, wanted);
      const count = wanted / reader.bytes;
      for (let index = 0; index < count; index++) values[index] = reader.read(view, index * reader.bytes);
      yield new Uint8Array(values.buffer, 0, count * 4);
    }
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
