import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { AppError } from '../../../common/errors.ts';
import { describeArchitecture } from '../architectures/index.ts';
import { sha256Of } from '../file-digest.ts';
import { modelProto } from '../onnx-schema.ts';
import { writeOnnx } from '../onnx-writer.ts';
import { randomWeights } from '../random-weights.ts';
import { useTemporaryFolder } from '../testing/temporary-folder.ts';

interface DecodedModel {
  graph: { initializer: { name: string; dims: (number | { toNumber(): number })[]; raw_data: Uint8Array }[]; node: { op_type: string }[] };
}

describe('writing an ONNX file', () => {
  const inFolder = useTemporaryFolder();
  const { graph } = describeArchitecture('resnet18', 'small');

  it('writes every weight under its name, with its shape and as many bytes', async () => {
    const file = inFolder('named.onnx');
    await writeOnnx({ file, graph, weights: randomWeights(1, 'resnet18') });
    const decoded = modelProto.decode(await readFile(file)) as unknown as DecodedModel;
    assert.deepEqual(
      decoded.graph.initializer.map(({ name, dims, raw_data }) => ({ name, dims: dims.map(Number), bytes: raw_data.length })),
      graph.weights.map(({ name, dims }) => ({ name, dims: [...dims], bytes: dims.reduce((product, dim) => product * dim, 4) })),
    );
    assert.equal(decoded.graph.node.length, graph.nodes.length);
  });

  it('reports the size and the checksum of the file it wrote', async () => {
    const file = inFolder('checked.onnx');
    const written = await writeOnnx({ file, graph, weights: randomWeights(1, 'resnet18') });
    assert.equal(written.bytes, (await readFile(file)).length);
    assert.equal(written.sha256, await sha256Of(file));
  });

  it('writes the same bytes for the same seed and others for another', async () => {
    const write = async (label: string, seed: number): Promise<string> =>
      (await writeOnnx({ file: inFolder(`${label}.onnx`), graph, weights: randomWeights(seed, 'resnet18') })).sha256;
    const first = await write('first', 7);
    assert.equal(await write('again', 7), first);
    assert.notEqual(await write('other', 8), first);
  });

  it('says that the disk is full, and how to go on, when it is', async () => {
    let bytesLeft = 100_000;
    const fillingDisk = async () => ({
      write: (bytes: Uint8Array) => {
        bytesLeft -= bytes.length;
        if (bytesLeft < 0) return Promise.reject(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
        return Promise.resolve({ bytesWritten: bytes.length });
      },
      close: () => Promise.resolve(),
    });
    await assert.rejects(
      writeOnnx({ file: inFolder('full.onnx'), graph, weights: randomWeights(1, 'resnet18'), openFile: fillingDisk }),
      (thrown) => thrown instanceof AppError && thrown.code === 'DISK_FULL' && thrown.fix.includes('--dir'),
    );
  });

  it('refuses weights of another size than their shape', async () => {
    const file = inFolder('short.onnx');
    await assert.rejects(writeOnnx({ file, graph, weights: () => [new Uint8Array(4)] }), /conv1\.weight is 4 bytes long/);
  });
});

describe('random weights', () => {
  it('lie within the range of their tensor and use all of it', () => {
    const range = { low: -0.25, high: 0.75 };
    const tensor = { name: 'fc.weight', dims: [100, 1000], isTrainable: true, range };
    let count = 0;
    let sum = 0;
    let least = Infinity;
    let greatest = -Infinity;
    for (const chunk of randomWeights(1, 'model')(tensor) as Iterable<Uint8Array>) {
      for (const value of new Float32Array(chunk.slice().buffer)) {
        count += 1;
        sum += value;
        least = Math.min(least, value);
        greatest = Math.max(greatest, value);
      }
    }
    assert.equal(count, 100_000);
    assert.ok(least >= range.low && least < range.low + 0.01, `least ${least}`);
    assert.ok(greatest <= range.high && greatest > range.high - 0.01, `greatest ${greatest}`);
    assert.ok(Math.abs(sum / count - 0.25) < 0.01, `mean ${sum / count}`);
  });

  it('differ between tensors and between models of the same seed', () => {
    const first = (model: string, name: string): number => {
      const [chunk] = randomWeights(1, model)({ name, dims: [4], isTrainable: true, range: { low: 0, high: 1 } }) as Iterable<Uint8Array>;
      return new Float32Array((chunk as Uint8Array).slice().buffer)[0] ?? NaN;
    };
    assert.equal(new Set([first('a', 'x'), first('a', 'y'), first('b', 'x')]).size, 3);
  });
});
