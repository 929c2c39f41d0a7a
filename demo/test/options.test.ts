import { strict as assert } from 'node:assert';
import { AppError } from '../../common/errors.ts';
import { comparisonArms } from '../arms.ts';
import { demoTable, parseDemoOptions, parseSimOptions, schedulerConfigOf, simTable } from '../options.ts';
import { shippedTraceFile } from '../../lab/shipped-files.ts';

const mb = 1024 * 1024;
const refusal = (work: () => unknown): AppError => {
  try {
    work();
  } catch (thrown) {
    assert.ok(thrown instanceof AppError, String(thrown));
    return thrown;
  }
  throw new assert.AssertionError({ message: 'accepted' });
};

describe('parseDemoOptions', () => {
  it('runs everything on the shipped trace by default, with room for four containers', () => {
    assert.deepEqual({ ...parseDemoOptions([], {}) }, {
      arm: { policy: 'pagurus', preload: true, loading: 'mapped' },
      compare: false, kafka: undefined, arrivals: 'exact', speed: 1, poolMemoryBytes: 8192 * mb, containerMemoryBytes: 2048 * mb,
      keepAliveMs: 60_000, zygoteWindowMs: 120_000, stemCellCount: 2, seed: 1, traceFile: shippedTraceFile,
      actions: undefined, outDir: undefined, cache: 'warm', small: false, containers: 'process', image: 'instainfer/action-nodejs-instainfer:latest',
    });
  });

  it('takes every option of the command line', () => {
    const argv = '--policy stemcell --preload off --loading stock --cache cold --speed 2 --memory 4096 --seed 7 --small --out d --trace t.csv --actions a,b --arrivals script --keep-alive 600 --zygote-window 30 --stem-cells 1 --containers docker --image own:1';
    const options = parseDemoOptions(argv.split(' '), {});
    assert.deepEqual({ ...options }, {
      arm: { policy: 'stemcell', preload: false, loading: 'stock' },
      compare: false, kafka: undefined, arrivals: 'script', speed: 2, poolMemoryBytes: 4096 * mb, containerMemoryBytes: 2048 * mb,
      keepAliveMs: 600_000, zygoteWindowMs: 30_000, stemCellCount: 1, seed: 7, traceFile: 't.csv',
      actions: ['a', 'b'], outDir: 'd', cache: 'cold', small: true, containers: 'docker', image: 'own:1',
    });
  });

  it('refuses memory that does not hold one container, with the number that does', () => {
    const error = refusal(() => parseDemoOptions(['--memory', '2047'], {}));
    assert.deepEqual([error.code, error.fix], ['TOO_LITTLE_MEMORY', 'Give --memory 2048 or more.']);
    assert.equal(parseDemoOptions(['--memory', '2048'], {}).poolMemoryBytes, 2048 * mb);
  });

  it('refuses an image for containers that have none', () => {
    assert.equal(refusal(() => parseDemoOptions(['--image', 'own:1'], {})).fix, 'Add --containers docker, or leave out --image.');
  });

  it('refuses an unknown policy with what was probably meant', () => {
    const error = refusal(() => parseDemoOptions(['--policy', 'pagarus'], {}));
    assert.deepEqual([error.code, error.fix], ['BAD_OPTION', "Did you mean 'pagurus'?"]);
  });

  it('refuses pre-loading with stock loading', () => {
    assert.equal(refusal(() => parseDemoOptions(['--loading', 'stock'], {})).fix, 'Add --preload off, or leave --loading at mapped.');
  });

  it('refuses to compare arms and to fix one of them at once', () => {
    assert.equal(refusal(() => parseDemoOptions(['--compare', '--policy', 'none'], {})).code, 'BAD_OPTION');
    assert.equal(refusal(() => parseDemoOptions(['--compare'], { INSTAINFER_DEMO_LOADING: 'mapped' })).code, 'BAD_OPTION');
    assert.equal(parseDemoOptions(['--compare'], {}).compare, true);
  });

  it('sends the flags of the simulation there', () => {
    assert.ok(refusal(() => parseDemoOptions(['--json'], {})).fix.includes('npm run sim'));
  });
});

describe('parseSimOptions', () => {
  it('takes a profile and --json, and says why it takes no --cache and no --small', () => {
    const options = parseSimOptions(['--profile', 'p.json', '--json'], {});
    assert.deepEqual([options.profileFile, options.json], ['p.json', true]);
    for (const flag of ['--cache', '--small']) {
      assert.ok(refusal(() => parseSimOptions([flag], {})).fix.includes('--profile'));
    }
  });
});

describe('the option tables', () => {
  for (const [name, table] of [['demo', demoTable], ['sim', simTable]] as const) {
    it(`name every flag and variable of ${name} once`, () => {
      const options = Object.values(table);
      assert.equal(new Set(options.map(({ flag }) => flag)).size, options.length);
      assert.equal(new Set(options.map(({ env }) => env)).size, options.length);
    });
  }
});

describe('schedulerConfigOf', () => {
  it('holds memory, keep-alive and stem cells equal between the arms of a comparison', () => {
    const options = parseDemoOptions(['--compare'], {});
    const configs = comparisonArms.map((arm) => schedulerConfigOf(options, arm));
    for (const config of configs) {
      assert.deepEqual({ ...config, prewarmPolicy: 0, preload: 0 }, { ...configs[0], prewarmPolicy: 0, preload: 0 });
    }
    assert.deepEqual(configs.map(({ prewarmPolicy, preload }) => `${prewarmPolicy} ${String(preload)}`), [
      'none false', 'stemcell false', 'pagurus false', 'pagurus false', 'pagurus true',
    ]);
  });
});
