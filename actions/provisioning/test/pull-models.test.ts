import { strict as assert } from 'node:assert';
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { AwsClient } from 'aws4fetch';
import { freePort } from '../../../common/free-port.ts';
import { currentFormKey } from '../../../runtime/model-store/form-key.ts';
import { readManifest } from '../../../runtime/model-store/manifest.ts';
import { tinyModel } from '../../../runtime/model-store/tiny-model.ts';
import { modelProto } from '../../zoo/onnx-schema.ts';
import { runModelsCommand } from '../../zoo/command.ts';
import { useTemporaryFolder } from '../../zoo/testing/temporary-folder.ts';
import { requireSound, verifyStore } from '../../zoo/verify-store.ts';
import { pullModels } from '../pull-models.ts';
import type { WantedModel } from '../registry-list.ts';

const sha256Of = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');
const gateway = process.env['INSTAINFER_TEST_S3'] ?? path.resolve(import.meta.dirname, '../../../../.cache/versitygw/versitygw');

/** A model that would read another file of this machine for its weights. */
function modelReading(file: string): Buffer {
  const decoded = modelProto.toObject(modelProto.decode(tinyModel)) as { graph: Record<string, unknown> };
  const initializer = { name: 'w', dims: [1], data_type: 1, data_location: 1, external_data: [{ key: 'location', value: file }] };
  return Buffer.from(modelProto.encode(modelProto.fromObject({ ...decoded, graph: { ...decoded.graph, initializer: [initializer] } })).finish());
}

describe('pulling models', function () {
  this.timeout(60_000);
  const inFolder = useTemporaryFolder();
  const files = new Map<string, Uint8Array>();
  let server: Server;
  let base: string;
  let requests = 0;
  before(async () => {
    server = createServer((request, response) => {
      requests += 1;
      const content = files.get(request.url ?? '');
      response.writeHead(content === undefined ? 404 : 200, { 'content-length': content?.length ?? 0 }).end(content);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    files.set('/tiny.onnx', tinyModel);
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const tiny = (name: string, change: Partial<WantedModel> = {}): WantedModel => ({ name, version: '1', url: `${base}/tiny.onnx`, sha256: sha256Of(tinyModel), ...change });
  const pull = (directory: string, models: readonly WantedModel[], env: Record<string, string> = {}): ReturnType<typeof pullModels> =>
    pullModels({ directory, models, env, effort: 'quick', maxBytes: 1e8, signal: new AbortController().signal });
  const isPartial = (name: string): boolean => /\.part|\.etag/.test(name);

  it('lists the model with its loading form, every file sound, and nothing half-done beside it', async () => {
    const directory = inFolder('store');
    assert.deepEqual(await pull(directory, [tiny('mine')]), { pulled: 1, skipped: 0 });
    const [model] = (await readManifest(directory)).models;
    assert.deepEqual([model?.name, model?.version, model?.form?.key], ['mine', '1', currentFormKey()]);
    requireSound(await verifyStore(directory));
    assert.deepEqual((await readdir(directory, { recursive: true })).filter(isPartial), []);
  });

  it('skips what is there, without a request', async () => {
    const directory = inFolder('skipped');
    await pull(directory, [tiny('mine')]);
    const before = requests;
    assert.deepEqual(await pull(directory, [tiny('mine')]), { pulled: 0, skipped: 1 });
    assert.equal(requests, before);
  });

  it('keeps equal files once, and asks for them once', async () => {
    const directory = inFolder('equal');
    const before = requests;
    await pull(directory, [tiny('one'), tiny('two'), tiny('one', { version: '2' })]);
    assert.equal(requests - before, 1);
    const { models } = await readManifest(directory);
    const inodes = await Promise.all(models.map(async ({ plain }) => (await stat(path.join(directory, plain.path))).ino));
    assert.deepEqual([inodes.length, new Set(inodes).size], [3, 1]);
  });

  it('replaces a version by the list, and deletes the files of the former one', async () => {
    const directory = inFolder('replaced');
    const decoded = modelProto.toObject(modelProto.decode(tinyModel));
    const other = Buffer.from(modelProto.encode(modelProto.fromObject({ ...decoded, producer_name: 'another' })).finish());
    files.set('/other.onnx', other);
    await pull(directory, [tiny('mine')]);
    await pull(directory, [tiny('mine', { url: `${base}/other.onnx`, sha256: sha256Of(other) })]);
    const [model, ...more] = (await readManifest(directory)).models;
    assert.deepEqual([model?.plain.sha256, more.length], [sha256Of(other), 0]);
    assert.deepEqual(await readdir(path.join(directory, 'pulled/mine@1')), [sha256Of(other).slice(0, 12)]);
    requireSound(await verifyStore(directory));
  });

  for (const [what, content, says] of [
    ['that is no ONNX file', Buffer.from('<html>not found</html>'), /bad@1 is no ONNX file/],
    ['whose weights are a file of this machine', modelReading('/etc/hostname'), /keeps weights in other files/],
    ['whose weights are beside the store', modelReading('../../../manifest.json'), /keeps weights in other files/],
  ] as const) {
    it(`lists no model ${what}`, async () => {
      const directory = inFolder(`bad-${sha256Of(content).slice(0, 8)}`);
      files.set('/bad.onnx', content);
      await assert.rejects(pull(directory, [tiny('bad', { url: `${base}/bad.onnx`, sha256: sha256Of(content) })]), { code: 'MODEL_CORRUPT', message: says });
      await assert.rejects(readManifest(directory), { code: 'MODEL_STORE_MISSING' });
    });
  }

  it('takes a file of this machine by its path, and nothing else than the file that was meant', async () => {
    const [directory, file] = [inFolder('from-file'), inFolder('own.onnx')];
    await writeFile(file, tinyModel);
    assert.equal(await runModelsCommand(['pull', 'own@2', file, '--dir', directory]), 0);
    const [model] = (await readManifest(directory)).models;
    assert.deepEqual([model?.name, model?.version, model?.plain.sha256], ['own', '2', sha256Of(tinyModel)]);
    requireSound(await verifyStore(directory));
    const wrong = '0'.repeat(64);
    await assert.rejects(pull(directory, [tiny('wrong', { url: pathToFileURL(file).href, sha256: wrong })]), { code: 'DOWNLOAD_REFUSED', message: /another SHA-256/ });
    await assert.rejects(pull(directory, [{ name: 'none', version: '1', url: pathToFileURL(inFolder('none.onnx')).href }]), { code: 'DOWNLOAD_REFUSED', message: /cannot be read/ });
    assert.deepEqual((await readdir(path.join(directory, '.blobs'))).filter(isPartial), []);
    assert.deepEqual((await readManifest(directory)).models.length, 1);
  });

  it('wants the checksum of what comes over the network', async () => {
    assert.equal(await runModelsCommand(['pull', 'mine', `${base}/tiny.onnx`, '--dir', inFolder('unchecked')]), 1);
    assert.equal(existsSync(inFolder('unchecked')), false);
  });

  it('takes a list from a file, and says what is wrong with one', async () => {
    const list = inFolder('list.json');
    await writeFile(list, JSON.stringify({ models: [{ name: 'listed', url: `${base}/tiny.onnx`, sha256: sha256Of(tinyModel) }] }));
    assert.equal(await runModelsCommand(['pull', '--list', list, '--dir', inFolder('listed')]), 0);
    assert.deepEqual((await readManifest(inFolder('listed'))).models.map(({ name }) => name), ['listed']);
    await writeFile(list, JSON.stringify({ models: [{ name: '../../etc', url: `${base}/tiny.onnx`, sha256: sha256Of(tinyModel) }] }));
    assert.equal(await runModelsCommand(['pull', '--list', list, '--dir', inFolder('hostile')]), 1);
    assert.equal(existsSync(inFolder('hostile')), false);
  });

  describe('from an S3-compatible server', () => {
    const env = { AWS_ACCESS_KEY_ID: 'tester', AWS_SECRET_ACCESS_KEY: 'tester-secret', AWS_REGION: 'us-east-1' };
    let child: ChildProcess;
    let endpoint: string;
    before(async function () {
      if (!existsSync(gateway)) {
        console.log(`    skipped: there is no ${gateway}; scripts/s3 builds it`);
        this.skip();
      }
      const port = await freePort();
      endpoint = `http://127.0.0.1:${port}`;
      await mkdir(inFolder('s3'));
      await mkdir(inFolder('attributes-of-objects'));
      const settings = ['--access', env.AWS_ACCESS_KEY_ID, '--secret', env.AWS_SECRET_ACCESS_KEY, '--port', `127.0.0.1:${port}`];
      child = spawn(gateway, [...settings, 'posix', '--sidecar', inFolder('attributes-of-objects'), inFolder('s3')], { stdio: 'ignore' });
      const client = new AwsClient({ accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY, service: 's3', region: env.AWS_REGION });
      const put = async (target: string, body?: Uint8Array<ArrayBuffer>): Promise<number> => (await client.fetch(`${endpoint}/${target}`, { method: 'PUT', ...(body === undefined ? {} : { body }) })).status;
      while ((await put('models').catch(() => 0)) === 0) assert.equal(child.exitCode, null, 'the server has ended');
      assert.equal(await put('models/tiny.onnx', new Uint8Array(tinyModel)), 200);
    });
    after(async () => {
      if (child === undefined || child.exitCode !== null) return;
      child.kill();
      await once(child, 'exit');
    });

    it('pulls with the keys of the environment', async () => {
      const directory = inFolder('from-s3');
      await pull(directory, [tiny('object', { url: 's3://models/tiny.onnx' })], { ...env, AWS_ENDPOINT_URL_S3: endpoint });
      const [model] = (await readManifest(directory)).models;
      assert.deepEqual(await readFile(path.join(directory, model!.plain.path)), Buffer.from(tinyModel));
    });

    it('goes on with what an earlier attempt has left', async () => {
      const directory = inFolder('s3-resumed');
      const { headers } = await fetch(await new AwsClient({ accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY, service: 's3', region: env.AWS_REGION }).sign(`${endpoint}/models/tiny.onnx`, { method: 'HEAD' }));
      await mkdir(path.join(directory, '.blobs'), { recursive: true });
      await writeFile(path.join(directory, `.blobs/${sha256Of(tinyModel)}.part`), tinyModel.subarray(0, 10));
      await writeFile(path.join(directory, `.blobs/${sha256Of(tinyModel)}.etag`), `s3://models/tiny.onnx\n${headers.get('etag')}`);
      await pull(directory, [tiny('object', { url: 's3://models/tiny.onnx' })], { ...env, AWS_ENDPOINT_URL_S3: endpoint });
      requireSound(await verifyStore(directory));
    });

    it('says so when the keys are wrong or the object is not there', async () => {
      const wrong = { ...env, AWS_SECRET_ACCESS_KEY: 'another', AWS_ENDPOINT_URL_S3: endpoint };
      await assert.rejects(pull(inFolder('s3-wrong'), [tiny('object', { url: 's3://models/tiny.onnx' })], wrong), { code: 'DOWNLOAD_REFUSED', message: /answered 403/ });
      await assert.rejects(pull(inFolder('s3-none'), [tiny('object', { url: 's3://models/none.onnx' })], { ...env, AWS_ENDPOINT_URL_S3: endpoint }), { code: 'DOWNLOAD_REFUSED', message: /answered 404/ });
    });
  });
});
