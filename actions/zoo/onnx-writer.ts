// Writes a graph description and its weights as one ONNX file, streaming the weights so that a 575 MB model costs a few
// megabytes of memory. Describing graphs and producing weights are not its work.
import protobuf from 'protobufjs';
import { FileSink, type OpenForWriting } from './file-sink.ts';
import { elementCount, graphMessage, type GraphDescription, type WeightTensor } from './graph-builder.ts';
import { elementTypeCodes, fieldNumbers, graphProto, irVersion, modelProto, opsetVersion, tensorProto } from './onnx-schema.ts';
import type { WeightSource } from './random-weights.ts';

const lengthDelimited = 2;

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

export interface WriteOnnxOptions {
  readonly file: string;
  readonly graph: GraphDescription;
  readonly weights: WeightSource;
  readonly openFile?: OpenForWriting;
  /** Called after each chunk with the bytes written so far; throws to stop. */
  readonly onProgress?: (bytesWritten: number, bytesTotal: number) => void;
}

/**
 * Writes the file and resolves to its size and SHA-256. A file that could not be finished stays behind for the caller
 * to delete.
 * @throws AppError DISK_FULL
 */
export async function writeOnnx({ file, graph, weights, openFile, onProgress }: WriteOnnxOptions): Promise<{ bytes: number; sha256: string }> {
  const preamble = modelProto
    .encode({ ir_version: irVersion, producer_name: 'instainfer', opset_import: [{ domain: '', version: opsetVersion }] })
    .finish();
  const description = graphProto.encode(graphProto.fromObject(graphMessage(graph))).finish();
  const initializers = graph.weights.map((weight) => ({ weight, ...initializerHead(weight) }));
  const graphLength = initializers.reduce((sum, { head, rawBytes }) => sum + head.length + rawBytes, description.length);
  const start = concat(preamble, fieldHead(fieldNumbers.modelGraph, graphLength), description);
  const bytesTotal = start.length - description.length + graphLength;

  const sink = await FileSink.create(file, openFile);
  try {
    await sink.write(start);
    for (const { weight, head, rawBytes } of initializers) {
      await sink.write(head);
      const end = sink.bytes + rawBytes;
      for await (const chunk of weights(weight)) {
        await sink.write(chunk);
        onProgress?.(sink.bytes, bytesTotal);
      }
      if (sink.bytes !== end) throw new Error(`${weight.name} is ${sink.bytes - end + rawBytes} bytes long where its shape needs ${rawBytes}.`);
    }
    return { bytes: bytesTotal, sha256: await sink.finish() };
  } catch (thrown) {
    await sink.abandon();
    throw thrown;
  }
}
