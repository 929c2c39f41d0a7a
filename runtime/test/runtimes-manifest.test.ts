import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { runtimesManifestSchema } from '../testing/runtimes-manifest.ts';

const manifestFile = path.resolve(import.meta.dirname, '../../../runtime/runtimes.json');

type Json = Record<string, unknown>;
interface ManifestJson {
  runtimes: { nodejs: (Json & { stemCells: (Json & { reactive: Json })[] })[] };
}
const read = (): ManifestJson => JSON.parse(readFileSync(manifestFile, 'utf8')) as ManifestJson;

describe('runtimes.json', () => {
  it('is a manifest that OpenWhisk takes', () => {
    runtimesManifestSchema.parse(read());
  });

  it('adds nodejs:instainfer with stem cells and reactive pre-warming, and leaves nodejs:default to the stock runtime', () => {
    const family = runtimesManifestSchema.parse(read()).runtimes['nodejs'] ?? [];
    const ours = family.find(({ kind }) => kind === 'nodejs:instainfer');
    assert.equal(ours?.image.name, 'action-nodejs-instainfer');
    assert.ok(ours.stemCells?.every(({ reactive }) => reactive !== undefined));
    assert.deepEqual(
      family.filter((runtime) => runtime.default).map(({ kind }) => kind),
      ['nodejs:20'],
    );
  });

  for (const [title, spoil] of [
    ['two defaults of one family', (manifest) => (manifest.runtimes.nodejs[1]!['default'] = true)],
    ['no default of several kinds', (manifest) => (manifest.runtimes.nodejs[0]!['default'] = false)],
    ['a kind in capitals', (manifest) => (manifest.runtimes.nodejs[1]!['kind'] = 'nodejs:InstaInfer')],
    ['stem cells without a memory', (manifest) => delete manifest.runtimes.nodejs[1]!.stemCells[0]!['memory']],
    ['reactive pre-warming without a ttl', (manifest) => delete manifest.runtimes.nodejs[1]!.stemCells[0]!.reactive['ttl']],
    ['more stem cells at least than at most', (manifest) => (manifest.runtimes.nodejs[1]!.stemCells[0]!.reactive['minCount'] = 9)],
  ] as [string, (manifest: ManifestJson) => unknown][]) {
    it(`would be refused with ${title}`, () => {
      const manifest = read();
      spoil(manifest);
      assert.equal(runtimesManifestSchema.safeParse(manifest).success, false);
    });
  }
});
