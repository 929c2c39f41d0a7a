// Holds the runtime image against the contract of OpenWhisk's runtimes, from outside: each test gets a container of its
// own from a real engine, started with the limits and capabilities a stock invoker sets.
import { strict as assert } from 'node:assert';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type Docker from 'dockerode';
import { describeArchiveContract } from '../testing/archive-suite.ts';
import { describeBasicContract } from '../testing/basic-suite.ts';
import { describeConcurrencyContract } from '../testing/concurrency-suite.ts';
import { assertOk, assertQuiet, initialised, runBody, type ContainerFactory, type FreshContainer } from '../testing/conformance.ts';
import { DockerRuntime, requireEngine, testImage } from '../testing/container-engine.ts';
import { describeKnativeContract } from '../testing/knative-suite.ts';
import { describeMisbehaviour } from '../testing/misbehaviour-suite.ts';
import { describeNodejsContract } from '../testing/nodejs-suite.ts';

const containerOf = (runtime: DockerRuntime): FreshContainer => ({
  init: (body) => runtime.call('POST', '/init', body),
  run: (body) => runtime.call('POST', '/run', body),
  readLogs: (markers) => runtime.readLogs(markers),
});

describe(`the image ${testImage}`, function () {
  this.timeout(60_000);
  let docker: Docker;
  const running = new Set<DockerRuntime>();
  const starting = new Set<Promise<unknown>>();
  /** Started while the test before runs. */
  const ready = new Map<string, Promise<DockerRuntime>>();

  before(async function () {
    docker = await requireEngine(this);
  });
  afterEach(async () => {
    await Promise.all([...running].map((runtime) => runtime.remove()));
    running.clear();
  });
  after(async () => {
    const unused = await Promise.allSettled(ready.values());
    await Promise.all(unused.map((result) => (result.status === 'fulfilled' ? result.value.remove() : undefined)));
    await Promise.allSettled(starting);
  });

  const start = (environment: Readonly<Record<string, string>>): Promise<DockerRuntime> => {
    const runtime = DockerRuntime.start(docker, environment);
    starting.add(runtime);
    runtime.catch(() => undefined);
    return runtime;
  };
  const factory =
    (common: Readonly<Record<string, string>>): ContainerFactory =>
    async (own = {}) => {
      const environment = { ...common, ...own };
      const key = JSON.stringify(environment);
      const runtime = await (ready.get(key) ?? start(environment));
      running.add(runtime);
      ready.set(key, start(environment));
      return containerOf(runtime);
    };

  const fresh = factory({});
  describeBasicContract(fresh);
  describeNodejsContract(fresh);
  describeArchiveContract(fresh);
  describeConcurrencyContract(fresh);
  describeMisbehaviour(fresh);

  describe('with overlapping activations allowed', () => {
    const concurrent = factory({ __OW_ALLOW_CONCURRENT: 'true' });
    describeNodejsContract(concurrent);
    describeArchiveContract(concurrent);
  });

  describe('as a Knative service, on the port that Knative gives it', () => {
    describeKnativeContract(async (environment) => {
      const runtime = await DockerRuntime.start(docker, { PORT: '9090', ...environment });
      running.add(runtime);
      // The suite ends each service after its test, before this file's own clean-up, and some tests have ended theirs.
      let end: Promise<number> | undefined;
      return { baseUrl: runtime.baseUrl, stop: () => (end ??= runtime.stop()) };
    });
  });

  describe('an image derived from it', () => {
    const derived = `${testImage}-derived-${process.pid}`;
    let folder: string;

    before(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'derived-image-'));
      // What `npm install` in the working directory leaves, without a network.
      const openwhiskDir = path.join(folder, 'node_modules', 'openwhisk');
      mkdirSync(openwhiskDir, { recursive: true });
      writeFileSync(path.join(folder, 'package.json'), '{"name":"derived","dependencies":{"openwhisk":"2.0.0"}}');
      writeFileSync(path.join(openwhiskDir, 'package.json'), '{"name":"openwhisk","version":"2.0.0"}');
      writeFileSync(path.join(openwhiskDir, 'index.js'), 'module.exports = () => ({ derived: true });');
      writeFileSync(path.join(folder, 'Dockerfile'), `FROM ${testImage}\nCOPY package.json .\nCOPY node_modules node_modules\n`);
      const progress = await docker.buildImage({ context: folder, src: ['Dockerfile', 'package.json', 'node_modules'] }, { t: derived });
      await new Promise<void>((resolve, reject) => {
        docker.modem.followProgress(progress, (error, output: { error?: string }[]) => {
          const failure = error?.message ?? output.find((line) => line.error !== undefined)?.error;
          if (failure === undefined) resolve();
          else reject(new Error(failure));
        });
      });
    });
    after(async () => {
      rmSync(folder, { recursive: true });
      await docker.getImage(derived).remove();
    });

    const freshDerived = async (): Promise<FreshContainer> => {
      const runtime = await DockerRuntime.start(docker, {}, { image: derived });
      running.add(runtime);
      return containerOf(runtime);
    };

    it('offers the packages of its working directory before those of the runtime', async () => {
      const code = `
        const openwhisk = require('openwhisk');
        function main() { return { version: require('openwhisk/package.json').version, derived: openwhisk().derived }; }`;
      const container = await initialised(await freshDerived(), code);
      assertOk(await container.run(runBody({})), { version: '2.0.0', derived: true });
      await assertQuiet(container, 1);
    });

    it('still offers those of the runtime', async () => {
      const container = await initialised(await freshDerived(), "function main() { return { tensor: typeof require('onnxruntime-node').Tensor }; }");
      assertOk(await container.run(runBody({})), { tensor: 'function' });
    });
  });

  describe('what it holds', () => {
    it('ends within a second of SIGTERM, with exit code 0', async () => {
      const runtime = await DockerRuntime.start(docker);
      running.add(runtime);
      const startedAt = performance.now();
      await runtime.container.stop({ t: 10 });
      assert.ok(performance.now() - startedAt < 5000, `${performance.now() - startedAt} ms`);
      assert.equal((await runtime.container.inspect()).State.ExitCode, 0);
    });

    it("runs action code as a user of its own, who may not read the proxy's environment", async () => {
      const code = `
        function main() {
          const fs = require('node:fs');
          const readable = (file) => { try { fs.readFileSync(file); return true; } catch { return false; } };
          return { isRoot: process.getuid() === 0, proxy: readable('/proc/1/environ') };
        }`;
      const container = await initialised(await fresh(), code);
      assertOk(await container.run(runBody({})), { isRoot: false, proxy: false });
    });

    it("shows actions OpenWhisk's client and the inference libraries, and none of the proxy's own", async () => {
      const code = `
        function main({ names }) {
          return { found: names.filter((name) => { try { require.resolve(name); return true; } catch { return false; } }) };
        }`;
      const offered = ['instainfer', 'openwhisk', 'onnxruntime-node', 'sharp', '@huggingface/tokenizers'];
      const container = await initialised(await fresh(), code);
      assertOk(await container.run(runBody({ names: [...offered, 'express', 'pino', 'zod', 'tar', 'yauzl', 'dockerode', 'kafkajs'] })), { found: offered });
    });
  });
});
