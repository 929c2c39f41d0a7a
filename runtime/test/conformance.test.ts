// Holds our runtime against the contract of OpenWhisk's runtimes. A container is made fresh by /clean rather than by a
// new process, which is faster and puts what /clean promises to the test as well.
import { strict as assert } from 'node:assert';
import { describeArchiveContract } from '../testing/archive-suite.ts';
import { describeBasicContract } from '../testing/basic-suite.ts';
import { describeConcurrencyContract } from '../testing/concurrency-suite.ts';
import type { ContainerFactory, FreshContainer } from '../testing/conformance.ts';
import { describeMisbehaviour } from '../testing/misbehaviour-suite.ts';
import { describeNodejsContract } from '../testing/nodejs-suite.ts';
import { RuntimeProcess } from '../testing/runtime-process.ts';

const runtimes = new Map<string, Promise<RuntimeProcess>>();

const fresh: ContainerFactory = async (environment = {}) => {
  const key = JSON.stringify(environment);
  if (!runtimes.has(key)) runtimes.set(key, RuntimeProcess.start(environment));
  const runtime = await runtimes.get(key)!;
  const cleaned = await runtime.call('POST', '/clean', {});
  assert.equal(cleaned.status, 200, cleaned.text);
  const before = await runtime.readLogs();
  return freshContainer(runtime, before.stdout.length, before.stderr.length);
};

function freshContainer(runtime: RuntimeProcess, stdoutFrom: number, stderrFrom: number): FreshContainer {
  return {
    init: (body) => runtime.call('POST', '/init', body),
    run: (body) => runtime.call('POST', '/run', body),
    readLogs: async () => {
      const { stdout, stderr } = await runtime.readLogs();
      return { stdout: stdout.slice(stdoutFrom), stderr: stderr.slice(stderrFrom) };
    },
  };
}

describe('the action contract', () => {
  after(async () => {
    await Promise.all([...runtimes.values()].map(async (runtime) => (await runtime).stop()));
  });

  describeBasicContract(fresh);
  describeNodejsContract(fresh);
  describeArchiveContract(fresh);
  describeConcurrencyContract(fresh);
  describeMisbehaviour(fresh);

  describe('with overlapping activations allowed, in a container that prepares nothing', () => {
    const concurrent: ContainerFactory = (environment = {}) => fresh({ __OW_ALLOW_CONCURRENT: 'true', INSTAINFER_LOADING: 'stock', ...environment });
    describeNodejsContract(concurrent);
    describeArchiveContract(concurrent);
  });
});
