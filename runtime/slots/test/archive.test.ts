import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import * as tar from 'tar';
import { zip } from '../../testing/zip.ts';
import { ArchiveError, unpack } from '../archive.ts';

const megabyte = 1024 * 1024;

describe('unpacking an action archive', () => {
  let parent: string;
  let folder: string;

  beforeEach(() => {
    parent = mkdtempSync(path.join(os.tmpdir(), 'unpack-'));
    folder = mkdtempSync(path.join(parent, 'action-'));
  });
  afterEach(() => {
    rmSync(parent, { recursive: true });
  });

  /** A zip whose entry names are changed after packing, to ones that a packer would refuse: same length. */
  async function zipRenamed(name: string, renamed: string): Promise<Buffer> {
    const bytes = await zip({ [name]: 'text' });
    return Buffer.from(bytes.toString('latin1').replaceAll(name, renamed), 'latin1');
  }

  async function tarOf(prepare: (sourceDir: string) => string[]): Promise<Buffer> {
    const sourceDir = mkdtempSync(path.join(parent, 'source-'));
    const names = prepare(sourceDir);
    return buffer(tar.create({ gzip: true, cwd: sourceDir, portable: true, preservePaths: true }, names));
  }

  const refuses = async (archive: Buffer, message: RegExp, maxBytes = megabyte): Promise<void> => {
    await assert.rejects(unpack(archive, folder, maxBytes), (error) => error instanceof ArchiveError && message.test(error.message) && !error.message.includes('\n'));
  };

  it('writes the files of a zip with their folders, modes and links', async () => {
    await unpack(await zip({ 'index.js': 'code', 'lib/deep/data.txt': 'data', 'bin/tool': { text: '#!/bin/sh', mode: 0o755 }, 'alias.js': { link: 'index.js' } }), folder, megabyte);
    assert.equal(readFileSync(path.join(folder, 'lib/deep/data.txt'), 'utf8'), 'data');
    assert.equal(statSync(path.join(folder, 'bin/tool')).mode & 0o777, 0o755);
    assert.equal(readFileSync(path.join(folder, 'alias.js'), 'utf8'), 'code');
  });

  it('writes the files of a tar.gz', async () => {
    const archive = await tarOf((sourceDir) => {
      writeFileSync(path.join(sourceDir, 'index.js'), 'code');
      return ['index.js'];
    });
    await unpack(archive, folder, megabyte);
    assert.equal(readFileSync(path.join(folder, 'index.js'), 'utf8'), 'code');
  });

  it('refuses what is neither', () => refuses(Buffer.from('#!/bin/sh\n'), /error uncompressing the action archive\. The file type is unsupported/));
  it('refuses an empty one', () => refuses(Buffer.alloc(0), /file type is unsupported/));
  it('refuses half a zip', async () => refuses((await zip({ 'index.js': 'x'.repeat(5000) })).subarray(0, 80), /error uncompressing/));

  it('refuses a name that climbs out of the folder', async () => {
    await refuses(await zipRenamed('aa/evil.txt', '../evil.txt'), /error uncompressing/);
    assert.ok(!existsSync(path.join(parent, 'evil.txt')));
  });

  it('refuses an absolute name', async () => refuses(await zipRenamed('_tmp/evil.txt', '/tmp/evil.txt'), /error uncompressing/));

  it('refuses a link that leads out, whether absolute, climbing, or by a chain', async () => {
    await refuses(await zip({ passwd: { link: '/etc/passwd' } }), /passwd points out of the archive/);
    await refuses(await zip({ up: { link: '../..' } }), /up points out of the archive/);
    await refuses(await zip({ 'a/b/file': 'x', 'a/down': { link: 'b' }, 'chain': { link: 'a/down/../../..' } }), /points out of the archive/);
  });

  it('refuses a tar.gz with a link that leads out', async () => {
    const archive = await tarOf((sourceDir) => {
      symlinkSync('/etc', path.join(sourceDir, 'etc'));
      return ['etc'];
    });
    await refuses(archive, /error uncompressing/);
  });

  it('refuses to write a file of the archive through a link of the archive', async () => {
    await refuses(await zip({ 'dir': { link: 'other' }, 'dir/file.txt': 'text' }), /error uncompressing/);
  });

  it('stops at the bound of the unpacked size, for both kinds', async () => {
    const zeros = '\0'.repeat(2 * megabyte);
    await refuses(await zip({ zeros }), /larger than 1048576 bytes/);
    const archive = await tarOf((sourceDir) => {
      writeFileSync(path.join(sourceDir, 'zeros'), zeros);
      return ['zeros'];
    });
    assert.ok(archive.length < 10_000, 'it is a bomb');
    await refuses(archive, /larger than 1048576 bytes/);
  });
});
