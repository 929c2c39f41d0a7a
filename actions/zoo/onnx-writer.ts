// Writes a graph description and its weights as an ONNX file, streaming the weights so that a model of gigabytes costs a
// few megabytes of memory. Describing graphs and producing weights are not its work.
import path from 'node:path';
import protobuf from 'protobufjs';
import { FileSink, type OpenForWriting } from './file-sink.ts';
import { elementCount, graphMessage, type GraphDescription, type WeightTensor } from './graph-builder.ts';
import { elementTypeCodes, fieldNumbers, graphProto, irVersion, modelProto, opsetVersion, tensorProto } from './onnx-schema.ts';
import type { WeightSource } from './random-weights.ts';

const lengthDelimited = 2;
/** TensorProto.DataLocation.EXTERNAL. */
const externalDataLocation = 1;

/** Tag and length of a length-delimited protobuf field whose `length` bytes follow. */
function fieldHead(fieldNumber: number, length: number): Uint8Array {
  return protobuf.Writer.create().uint32((fieldNumber << 3) | lengthDelimited).uint32(length).finish();
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** Everything of an initializer's TensorProto, head included, but the raw bytes that must follow. */
function initializerHead(weight: WeightTensor): { head: Uint8Array; rawBytes: number } {
  const rawBytes = elementCount(weight.dims) * Float32Array.BYTES_PER_ELEMENT;
  const described = tensorProto.encode({ dims: [...weight.dims], data_type: elementTypeCodes.float32, name: weight.name }).finish();
  const rawHead = fieldHead(fieldNumbers.tensorRawData, rawBytes);
  const tensorLength = described.length + rawHead.length + rawBytes;
  return { head: concat(fieldHead(fieldNumbers.graphInitializer, tensorLength), described, rawHead), rawBytes };
}

/** An initializer whose bytes are in `location`, a file beside the model. */
function externalInitializer(weight: WeightTensor, location: string, offset: number): { message: Uint8Array; rawBytes: number } {
  const rawBytes = elementCount(weight.dims) * Float32Array.BYTES_PER_ELEMENT;
  const entries = { location, offset: String(offset), length: String(rawBytes) };
  const described = tensorProto
    .encode({
      dims: [...weight.dims],
      data_type: elementTypeCodes.float32,
      name: weight.name,
      external_data: Object.entries(entries).map(([key, value]) => ({ key, value })),
      data_location: externalDataLocation,
    })
    .finish();
  return { message: concat(fieldHead(fieldNumbers.graphInitializer, described.length), described), rawBytes };
}

const modelPreamble = (): Uint8Array =>
  modelProto.encode({ ir_version: irVersion, producer_name: 'instainfer', opset_import: [{ domain: '', version: opsetVersion }] }).finish();

const graphBytes = (graph: GraphDescription): Uint8Array => graphProto.encode(graphProto.fromObject(graphMessage(graph))).finish();

export interface WriteOnnxOptions {
  readonly file: string;
  /** Where the weights go instead, in the same folder: no protobuf message may be larger than 2 GB. */
  readonly dataFile?: string | undefined;
  readonly graph: GraphDescription;
  readonly weights: WeightSource;
  readonly openFile?: OpenForWriting | undefined;
  /** Called after each chunk with the bytes written so far; throws to stop. */
  readonly onProgress?: (bytesWritten: number, bytesTotal: number) => void;
}

/** Size and SHA-256 (hex) of a written file. */
export interface WrittenFile {
  readonly bytes: number;
  readonly sha256: string;
}

export interface WrittenOnnx extends WrittenFile {
  readonly data?: WrittenFile;
}

async function streamWeight(sink: FileSink, weight: WeightTensor, rawBytes: number, { weights, onProgress }: WriteOnnxOptions, bytesTotal: number): Promise<void> {
  const end = sink.bytes + rawBytes;
  for await (const chunk of weights(weight)) {
    await sink.write(chunk);
    onProgress?.(sink.bytes, bytesTotal);
  }
  if (sink.bytes !== end) throw new Error(`${weight.name} is ${sink.bytes - end + rawBytes} bytes long where its shape needs ${rawBytes}.`);
}

/** Runs `write` with a new file, and closes it whatever happens. */
async function written(file: string, openFile: OpenForWriting | undefined, write: (sink: FileSink) => Promise<void>): Promise<WrittenFile> {
  const sink = await FileSink.create(file, openFile);
  try {
    await write(sink);
    return { bytes: sink.bytes, sha256: await sink.finish() };
  } catch (thrown) {
    await sink.abandon();
    throw thrown;
  }
}

async function writeOneFile(options: WriteOnnxOptions): Promise<WrittenOnnx> {
  const { file, graph, openFile } = options;
  const description = graphBytes(graph);
  const initializers = graph.weights.map((weight) => ({ weight, ...initializerHead(weight) }));
  const graphLength = initializers.reduce((sum, { head, rawBytes }) => sum + head.length + rawBytes, description.length);
  const start = concat(modelPreamble(), fieldHead(fieldNumbers.modelGraph, graphLength), description);
  const bytesTotal = start.length - description.length + graphLength;
  return written(file, openFile, async (sink) => {
    await sink.write(start);
    for (const { weight, head, rawBytes } of initializers) {
      await sink.write(head);
      await streamWeight(sink, weight, rawBytes, options, bytesTotal);
    }
  });
}

async function writeTwoFiles(options: WriteOnnxOptions, dataFile: string): Promise<WrittenOnnx> {
  const { file, graph, openFile } = options;
  const messages = [graphBytes(graph)];
  let offset = 0;
  for (const weight of graph.weights) {
    const { message, rawBytes } = externalInitializer(weight, path.basename(dataFile), offset);
    messages.push(message);
    offset += rawBytes;
  }
  const data = await written(dataFile, openFile, async (sink) => {
    for (const weight of graph.weights) await streamWeight(sink, weight, elementCount(weight.dims) * Float32Array.BYTES_PER_ELEMENT, options, offset);
  });
  const whole = concat(...messages);
  const model = await written(file, openFile, (sink) => sink.write(concat(modelPreamble(), fieldHead(fieldNumbers.modelGraph, whole.length), whole)));
  return { ...model, data };
}

/**
 * Writes the file, or two, and resolves to size and SHA-256. A file that could not be finished stays behind for the caller
 * to delete.
 * @throws AppError DISK_FULL
 */
export async function writeOnnx(options: WriteOnnxOptions): Promise<WrittenOnnx> {
  return options.dataFile === undefined ? writeOneFile(options) : writeTwoFiles(options, options.dataFile);
}
