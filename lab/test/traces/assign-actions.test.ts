import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { shippedTraceFile } from '../../shipped-files.ts';
import { createActionAssigner, demoActions, maxInvocationCount, readAssignedTrace } from '../../traces/assign-actions.ts';

const unknownFunction = (name: string): { functionHash: string } => ({ functionHash: name });

describe('readAssignedTrace', () => {
  let folder = '';
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'instainfer-assign-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const write = (counts: string): string => {
    const file = path.join(folder, `${counts}.csv`);
    writeFileSync(file, `HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,http,${counts}\n`);
    return file;
  };

  it('maps the eight functions of the shipped trace to the eight models of the original demo', async () => {
    const trace = await readAssignedTrace(shippedTraceFile);
    assert.deepEqual(trace.functions.map(({ action }) => action), [...demoActions]);
    assert.deepEqual([trace.minuteCount, trace.invocationCount], [5, 114]);
  });

  it('gives the functions of the shipped trace the listed actions in turn when a list is named', async () => {
    const trace = await readAssignedTrace(shippedTraceFile, ['resnet50', 'mine']);
    assert.deepEqual(trace.functions.map(({ action }) => action).slice(0, 3), ['resnet50', 'mine', 'resnet50']);
  });

  it('gives unknown functions the actions of the demo in turn', () => {
    const actionOf = createActionAssigner();
    const actions = Array.from({ length: 9 }, (_, index) => actionOf(unknownFunction(`f${index}`)));
    assert.deepEqual(actions, [...demoActions, demoActions[0]]);
  });

  it('refuses a trace without any invocation and one with more than a replay can hold', async () => {
    await assert.rejects(readAssignedTrace(write('0')), { code: 'BAD_TRACE' });
    await assert.rejects(readAssignedTrace(write(String(maxInvocationCount + 1))), { code: 'BAD_TRACE' });
    assert.equal((await readAssignedTrace(write(String(maxInvocationCount)))).invocationCount, maxInvocationCount);
  });
});
