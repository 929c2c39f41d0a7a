// Bodies and archives that are made to break whoever reads them.
import { strict as assert } from 'node:assert';
import type { Section } from '../hostile-suite.ts';
import { zip, zipBase64 } from '../zip.ts';

const megabyte = 1024 * 1024;

/** Nested so deeply that whoever walks it by recursion falls off the stack. */
const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;

export function describeHostileInput({ tenants }: Section): void {
  const bodies: readonly { readonly title: string; readonly body: string }[] = [
    { title: 'nothing', body: '' },
    { title: 'half a body', body: '{"value":{"code":"' },
    { title: 'no object', body: '[[]]' },
    { title: 'deep nesting', body: `{"value":{"name":${deep(100_000)},"env":${deep(100_000)},"code":"x","main":"main","action":${deep(100_000)}}}` },
    { title: 'prototypes', body: '{"__proto__":{"a":1},"value":{"__proto__":{"code":"x"},"constructor":{"prototype":{"x":1}},"env":{"__proto__":"x"}}}' },
    { title: 'many megabytes of one string', body: JSON.stringify({ value: { main: 'main', action: 'x'.repeat(30 * megabyte) } }) },
    { title: 'more than is allowed', body: JSON.stringify({ value: 'x'.repeat(50 * megabyte) }) },
  ];
  for (const { title, body } of bodies) {
    it(`with ${title} gets an error on every route`, async () => {
      for (const route of ['/init', '/run', '/load', '/offload']) {
        const reply = await tenants().call('POST', route, body);
        assert.ok(reply.status >= 400, `${route}: ${reply.status}`);
        assert.equal(typeof (reply.json as { error?: unknown }).error, 'string', `${route}: ${reply.text.slice(0, 200)}`);
        assert.ok(reply.text.length < 2000, `${route}: ${reply.text.length} characters`);
      }
      await tenants().assertUnharmed();
    });
  }

  it('nested deeply in the parameters reaches the action, or is refused', async () => {
    const initialised = await tenants().init('evil', 'nested', 'function main(args) { return args; }');
    assert.equal(initialised.status, 200, initialised.text);
    const reply = await tenants().call('POST', '/run', `{"value":{"nested":${deep(100_000)}}}`);
    assert.ok([200, 502].includes(reply.status), String(reply.status));
    await tenants().assertUnharmed();
  });

  const archives: readonly { readonly title: string; readonly make: () => Promise<string>; readonly message: RegExp }[] = [
    { title: 'that links out of its folder', make: () => zipBase64({ 'index.js': 'exports.main = () => ({})', 'shadow': { link: '/etc/shadow' } }), message: /points out of the archive/ },
    { title: 'whose names climb out of its folder', make: async () => (await renamed('aa/evil.js', '../evil.js')).toString('base64'), message: /uncompressing/ },
    { title: 'whose names are absolute', make: async () => (await renamed('_tmp/evil.js', '/tmp/evil.js')).toString('base64'), message: /uncompressing/ },
    { title: 'that is a bomb', make: () => bomb(), message: /larger than \d+ bytes/ },
    { title: 'that is none', make: async () => Promise.resolve(Buffer.from('PK\x03\x04 no more than this').toString('base64')), message: /uncompressing/ },
  ];
  for (const { title, make, message } of archives) {
    it(`with an archive ${title} gets an error that says so`, async () => {
      const reply = await tenants().init('evil', 'packer', await make(), true);
      assert.equal(reply.status, 502, reply.text);
      assert.match(reply.text, message);
      await tenants().assertUnharmed();
    });
  }
}

/** A zip whose entry name is changed after packing, to one of the same length that a packer would refuse. */
async function renamed(name: string, to: string): Promise<Buffer> {
  const bytes = await zip({ [name]: 'exports.main = () => ({})' });
  return Buffer.from(bytes.toString('latin1').replaceAll(name, to), 'latin1');
}

/** Some kilobytes that declare two gigabytes. */
async function bomb(): Promise<string> {
  const bytes = await zip({ zeros: '\0'.repeat(megabyte) });
  bytes.writeUInt32LE(2 ** 31, bytes.indexOf('PK\x01\x02', 0, 'latin1') + 24);
  return bytes.toString('base64');
}
