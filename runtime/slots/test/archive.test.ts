import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
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

  it('writes a large file of a zip whole', async () => {
    const large = Buffer.alloc(20 * megabyte, 'ab');
    await unpack(await zip({ large }), folder, 32 * megabyte);
    assert.ok(readFileSync(path.join(folder, 'large')).equals(large));
  });

  /** A zip whose one entry says in both places that it has another size. */
  async function zipWithSize(text: string, declaredBytes: number): Promise<Buffer> {
    const bytes = await zip({ file: text });
    // Where the sizes stand in a central directory header; yazl leaves those of the local header to the data descriptor.
    bytes.writeUInt32LE(declaredBytes, bytes.indexOf('PK\x01\x02', 0, 'latin1') + 24);
    return bytes;
  }

  for (const { title, realBytes, declaredBytes } of [
    { title: 'less than it unpacks to', realBytes: megabyte, declaredBytes: 10 },
    { title: 'more than it unpacks to', realBytes: 10, declaredBytes: 1000 },
    { title: 'less than it unpacks to, and both are large', realBytes: 30 * megabyte, declaredBytes: 20 * megabyte },
  ]) {
    it(`refuses an entry that declares ${title}`, async () => {
      await refuses(await zipWithSize('\0'.repeat(realBytes), declaredBytes), /error uncompressing/, 64 * megabyte);
    });
  }

  it('refuses too many entries before it writes any', async () => {
    const contents = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [`file${index}`, '']));
    await assert.rejects(unpack(await zip(contents), folder, megabyte, 10), /more than 10 entries/);
    assert.deepEqual(readdirSync(folder), []);
  });

  it('leaves an archive in an archive packed', async () => {
    const inner = await zip({ zeros: '\0'.repeat(8 * megabyte) });
    await unpack(await zip({ 'inner.zip': inner }), folder, megabyte);
    assert.deepEqual(readdirSync(folder), ['inner.zip']);
  });

  /** A tar.gz of one entry that is all header. */
  function tarOfHeader(fields: { path: string; type: 'Link' | 'File' | 'CharacterDevice'; linkpath?: string }): Buffer {
    const header = new tar.Header({ mode: 0o644, size: 0, mtime: new Date(0), ...fields });
    const block = Buffer.alloc(512);
    header.encode(block);
    return gzipSync(Buffer.concat([block, Buffer.alloc(1024)]));
  }

  for (const linkpath of ['/etc/passwd', '../../../../etc/passwd']) {
    it(`makes no hard link of a tar.gz to ${linkpath}`, async () => {
      await assert.rejects(unpack(tarOfHeader({ path: 'stolen', type: 'Link', linkpath }), folder, megabyte), ArchiveError);
      assert.ok(!existsSync(path.join(folder, 'stolen')));
    });
  }

  it('writes no file of a tar.gz outside of the folder', async () => {
    for (const name of ['../evil.txt', path.join(parent, 'evil.txt')]) await unpack(tarOfHeader({ path: name, type: 'File' }), folder, megabyte).catch(() => undefined);
    assert.ok(!existsSync(path.join(parent, 'evil.txt')));
  });

  it('makes no device of a tar.gz', async () => {
    await unpack(tarOfHeader({ path: 'device', type: 'CharacterDevice' }), folder, megabyte).catch(() => undefined);
    assert.deepEqual(readdirSync(folder), []);
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
