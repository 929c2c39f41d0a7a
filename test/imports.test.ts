// Reads every import of the project and holds it against the table of who may know whom (docs/architecture.md).
import { strict as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../..');
const folders = ['common', 'runtime', 'controller-plugin', 'invoker-plugin', 'actions', 'lab', 'demo', 'standalone', 'scaler', 'cli', 'bench', 'test', 'scripts'];

/** For each part, the parts (or files) it may import from, besides itself. */
const allowed: Record<string, string[]> = {
  common: [],
  runtime: ['common/'],
  'controller-plugin': ['common/', 'invoker-plugin/protocol.ts'],
  'invoker-plugin': ['common/', 'controller-plugin/protocol.ts', 'runtime/protocol.ts'],
  actions: ['common/', 'runtime/sdk/', 'runtime/model-store/', 'runtime/protocol.ts'],
  lab: ['common/', 'controller-plugin/', 'invoker-plugin/'],
  demo: ['common/', 'controller-plugin/', 'invoker-plugin/', 'runtime/protocol.ts', 'runtime/model-store/', 'actions/', 'lab/', 'scripts/kafka-broker/state.ts'],
  standalone: ['common/', 'controller-plugin/', 'invoker-plugin/', 'runtime/protocol.ts'],
  scaler: ['common/', 'controller-plugin/', 'invoker-plugin/', 'lab/'],
  cli: ['common/', 'runtime/', 'controller-plugin/', 'invoker-plugin/', 'actions/', 'lab/', 'demo/', 'standalone/', 'scaler/'],
  bench: ['common/', 'runtime/', 'controller-plugin/', 'invoker-plugin/', 'actions/', 'lab/', 'demo/', 'standalone/', 'scaler/', 'scripts/'],
  scripts: ['common/'],
  test: ['common/', 'runtime/', 'controller-plugin/', 'invoker-plugin/', 'actions/', 'lab/', 'demo/', 'standalone/', 'scaler/', 'cli/', 'bench/', 'scripts/'],
};

/** What a core may import beyond its own folder: leaves that do no I/O and know no time. */
const coreLeaves = ['common/action-document.ts', 'common/action-identity.ts', 'common/errors.ts', 'common/follow-forecast.ts', 'common/gap-forecast.ts', 'common/home-invoker.ts', 'common/random.ts'];

interface Import {
  readonly from: string;
  readonly to: string;
}

function sourceFiles(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.c?ts$/.test(entry.name))
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(path.join(root, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import|require\()\s*['"]([^'"]+)['"]/g)].map((match) => match[1] ?? '');
  return specifiers.map((specifier) => ({
    from: file,
    to: specifier.startsWith('.') ? path.join(path.dirname(file), specifier) : specifier,
  }));
}

const allImports = folders.flatMap((folder) => sourceFiles(folder).flatMap(importsOf));
const isTest = (file: string): boolean => /(^|\/)(test|testing)\//.test(file);
const isLocal = (to: string): boolean => folders.some((folder) => to.startsWith(`${folder}/`));

describe('the parts know only whom they may know', () => {
  for (const folder of folders) {
    it(`${folder}/ imports only from itself and ${allowed[folder]?.join(', ') || 'nothing'}`, () => {
      const strangers = allImports
        .filter(({ from, to }) => from.startsWith(`${folder}/`) && isLocal(to) && !to.startsWith(`${folder}/`))
        .filter(({ from, to }) => !isTest(from) && !allowed[folder]?.some((target) => to.startsWith(target)));
      assert.deepEqual(strangers, []);
    });
  }

  it('a core imports nothing but its own files and the leaves of common/', () => {
    const strangers = allImports
      .filter(({ from }) => from.includes('/core/') && !isTest(from))
      .filter(({ from, to }) => {
        const core = from.slice(0, from.indexOf('/core/') + '/core/'.length);
        return !to.startsWith(core) && !coreLeaves.includes(to);
      });
    assert.deepEqual(strangers, []);
  });

  it('production code imports nothing from test/ or testing/', () => {
    const strangers = allImports.filter(({ from, to }) => !isTest(from) && isLocal(to) && isTest(to));
    assert.deepEqual(strangers, []);
  });

  it('finds imports at all, so that an empty result means something', () => {
    assert.ok(allImports.length > 20, `only ${allImports.length} imports found`);
  });
});
