import { strict as assert } from 'node:assert';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ActionDocument } from '../../../common/action-document.ts';
import type { LoadEstimate } from '../../../common/load-estimate.ts';
import { actionDocument } from '../../../common/testing/action-documents.ts';
import { manifestFileName } from '../manifest.ts';
import { estimatorOf } from '../load-estimate.ts';

const megabytes = 1e6;

describe('the first guess of a load', () => {
  let directory: string;
  let estimate: (action: ActionDocument) => LoadEstimate;

  before(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'estimates-'));
    const model = (name: string, bytes: number): object => ({ name, version: '1', parameterCount: 1, plain: { path: `${name}.onnx`, bytes, sha256: '0'.repeat(64) }, sampleInputs: {} });
    const models = [model('net', 20 * megabytes), model('sd/text_encoder', 10 * megabytes), model('sd/unet', 70 * megabytes), model('sd/vae_decoder', 20 * megabytes), { ...model('twin', 20 * megabytes), plain: { path: 'twin.onnx', bytes: 20 * megabytes, sha256: 'a'.repeat(64) } }, { ...model('outside', megabytes), externalData: [{ path: 'outside.data', bytes: 99 * megabytes, sha256: '0'.repeat(64) }] }];
    writeFileSync(path.join(directory, manifestFileName), JSON.stringify({ formatVersion: 1, models }));
    estimate = estimatorOf(directory);
  });
  after(() => {
    rmSync(directory, { recursive: true });
  });

  const guess = (preload: unknown): LoadEstimate => estimate(actionDocument('a', preload === undefined ? {} : { annotations: { preload } }));
  const none = (): LoadEstimate => guess(undefined);

  it('is nothing but a process for an action that declares nothing', () => {
    assert.equal(none().loadMs, 0);
    assert.deepEqual(guess({ models: 'wrong' }), none());
  });

  it('adds up models, and of a pipeline its networks, with or without a version', () => {
    const added = ({ loadMs, residentBytes }: LoadEstimate): number[] => [loadMs, residentBytes - none().residentBytes];
    assert.deepEqual(added(guess({ models: [{ name: 'net', store: 'net@1' }] })), [100, 40 * megabytes]);
    for (const store of ['sd', 'sd@1']) assert.deepEqual(added(guess({ pipelines: [{ name: 'painter', store }] })), [500, 200 * megabytes]);
  });

  it('counts weights that are in files beside the network', () => {
    const { loadMs, residentBytes } = guess({ models: [{ name: 'outside', store: 'outside' }] });
    assert.deepEqual([loadMs, residentBytes - none().residentBytes], [500, 101 * megabytes]);
  });

  it('names the files that are read, equal ones once, and none of a model that the store does not have', () => {
    const named = (...stores: string[]): unknown => guess({ models: stores.map((store) => ({ name: store, store })) }).files;
    const id = '0'.repeat(16);
    assert.deepEqual(named('net'), [{ id, bytes: 20 * megabytes }]);
    assert.deepEqual(named('twin', 'net'), [{ id: 'a'.repeat(16), bytes: 20 * megabytes }, { id, bytes: 20 * megabytes }]);
    assert.deepEqual(named('twin', 'twin@1'), [{ id: 'a'.repeat(16), bytes: 20 * megabytes }]);
    assert.deepEqual(named('stranger'), []);
    assert.equal(guess({ models: [{ name: 'own', path: 'own.onnx' }] }).files?.length, 0);
  });

  it('knows what has come into the store since it was made, and a store that has come since', () => {
    const late = path.join(directory, 'late');
    const ask = estimatorOf(late);
    const wanted = actionDocument('a', { annotations: { preload: { models: [{ name: 'net', store: 'net' }] } } });
    const before = ask(wanted);
    mkdirSync(late);
    copyFileSync(path.join(directory, manifestFileName), path.join(late, manifestFileName));
    assert.equal(ask(wanted).loadMs, 100);
    writeFileSync(path.join(late, manifestFileName), '{');
    utimesSync(path.join(late, manifestFileName), 1, 1);
    assert.deepEqual(ask(wanted), before);
  });

  it('is a fixed one for what the store does not know, and for what comes in the archive', () => {
    const unknown = guess({ models: [{ name: 'other', store: 'other' }] });
    assert.deepEqual(guess({ models: [{ name: 'own', path: 'own.onnx' }] }), unknown);
    assert.ok(unknown.loadMs > 0 && unknown.residentBytes > none().residentBytes);
  });
});
