import { strict as assert } from 'node:assert';
import { containerNamePrefix, cpuSharesOf, isStemCellName, stemCellName } from '../drivers/container-name.ts';

const megabyte = 1024 * 1024;

describe('the name of a container', () => {
  it('is the one a stock invoker gives a stem cell of the kind', () => {
    assert.equal(stemCellName('', 0, 7, 'nodejs:instainfer'), 'wsk0_7_prewarm_nodejsinstainfer');
    assert.equal(stemCellName('zone-a', 2, 1, 'nodejs:instainfer'), 'wskzonea2_1_prewarm_nodejsinstainfer');
  });

  it('begins with what tells its invoker from others', () => {
    assert.ok(stemCellName('a', 1, 1, 'k').startsWith(containerNamePrefix('a', 1)));
    assert.ok(!stemCellName('a', 11, 1, 'k').startsWith(containerNamePrefix('a', 1)));
  });

  it("is a stem cell's of the kind, or not", () => {
    for (const name of ['wsk0_7_prewarm_nodejsinstainfer', 'wskzone_a2_15_prewarm_nodejsinstainfer']) assert.ok(isStemCellName(name, 'nodejs:instainfer'), name);
    for (const name of ['wsk0_7_prewarm_nodejs20', 'wsk0_7_guest_hello', 'wsk0_7_guest_prewarm_nodejsinstainferx', 'my_wsk0_7_prewarm_nodejsinstainfer']) assert.ok(!isStemCellName(name, 'nodejs:instainfer'), name);
  });
});

describe("a container's share of the processor", () => {
  it('is its share of the memory, of 1024', () => {
    assert.equal(cpuSharesOf(256 * megabyte, 2048 * megabyte), 128);
    assert.equal(cpuSharesOf(512 * megabyte, 2048 * megabyte), 256);
    assert.equal(cpuSharesOf(2048 * megabyte, 2048 * megabyte), 1024);
  });

  it('is rounded down, and is the least the kernel takes at least', () => {
    assert.equal(cpuSharesOf(300 * megabyte, 1024 * megabyte), 341);
    assert.equal(cpuSharesOf(1 * megabyte, 4096 * megabyte), 2);
    assert.equal(cpuSharesOf(4096 * megabyte, 1024 * megabyte), 1024);
  });
});
