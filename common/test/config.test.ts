import { strict as assert } from 'node:assert';
import { choiceOption, helpText, isHelpRequested, listOption, numberOption, parseOptions, switchOption, textOption } from '../config.ts';
import { AppError } from '../errors.ts';

const table = {
  policy: choiceOption({ flag: 'policy', env: 'T_POLICY', description: 'Which policy.', choices: ['none', 'pagurus'], defaultValue: 'pagurus' }),
  preload: switchOption({ flag: 'preload', env: 'T_PRELOAD', description: 'Whether to load ahead.', defaultValue: true }),
  compare: switchOption({ flag: 'compare', env: 'T_COMPARE', description: 'Runs all.', defaultValue: false }),
  memoryMb: numberOption({ flag: 'memory', env: 'T_MEMORY', description: 'Memory.', valueName: 'MB', min: 256, max: 4096, integer: true, defaultValue: 1024 }),
  speed: numberOption({ flag: 'speed', env: 'T_SPEED', description: 'Speed.', valueName: 'N', min: 0.1, max: 100, defaultValue: 1 }),
  out: textOption({ flag: 'out', env: 'T_OUT', description: 'Where to.', valueName: 'DIR' }),
  actions: listOption({ flag: 'actions', env: 'T_ACTIONS', description: 'Which.', valueName: 'A,B' }),
};
const parse = (argv: string[], env: Record<string, string> = {}): ReturnType<typeof parseOptions<typeof table>> =>
  parseOptions({ table, argv, env, flagsOfOthers: { small: 'It belongs to the demo.' } });

const refusal = (argv: string[], env: Record<string, string> = {}): AppError => {
  try {
    parse(argv, env);
  } catch (thrown) {
    assert.ok(thrown instanceof AppError);
    assert.equal(thrown.code, 'BAD_OPTION');
    return thrown;
  }
  throw new assert.AssertionError({ message: `accepted ${argv.join(' ')}` });
};

describe('parseOptions', () => {
  it('gives every default when nothing is set', () => {
    const { values, given } = parse([]);
    assert.deepEqual(values, { policy: 'pagurus', preload: true, compare: false, memoryMb: 1024, speed: 1, out: undefined, actions: undefined });
    assert.equal(given.size, 0);
  });

  it('takes values after a space and after an equals sign', () => {
    const { values } = parse(['--policy', 'none', '--memory=2048', '--speed', '2.5', '--out=a=b', '--actions', 'x, y']);
    assert.deepEqual({ ...values }, { policy: 'none', preload: true, compare: false, memoryMb: 2048, speed: 2.5, out: 'a=b', actions: ['x', 'y'] });
  });

  for (const [argv, expected] of [
    [['--preload'], true],
    [['--preload', 'on'], true],
    [['--preload=off'], false],
    [['--preload', 'false'], false],
    [['--no-preload'], false],
    [['--preload', 'off', '--preload'], true],
  ] as const) {
    it(`reads the switch of '${argv.join(' ')}' as ${expected ? 'on' : 'off'}`, () => {
      assert.equal(parse([...argv]).values.preload, expected);
    });
  }

  it('lets a bare switch stand before another flag', () => {
    const { values } = parse(['--compare', '--preload', '--memory', '512']);
    assert.deepEqual([values.compare, values.preload, values.memoryMb], [true, true, 512]);
  });

  it('takes a file below the environment, and says which key of it is wrong', () => {
    const file = (settings: Record<string, string | number | boolean | readonly string[]>): ReturnType<typeof parseOptions<typeof table>> =>
      parseOptions({ table, argv: ['--speed', '3'], env: { T_MEMORY: '400' }, file: { name: 'f.json', settings } });
    const { values, given } = file({ speed: 2, memory: 300, preload: false, actions: ['a', 'b'], policy: 'none' });
    assert.deepEqual([values.speed, values.memoryMb, values.preload, values.actions, values.policy], [3, 400, false, ['a', 'b'], 'none']);
    assert.ok(given.has('policy'));
    assert.throws(() => file({ polcy: 'none' }), { code: 'BAD_OPTION', fix: 'Did you mean --policy?' });
    assert.throws(() => file({ memory: 1 }), /memory in f\.json has to be/);
  });

  it('knows a setting by the name it has elsewhere, after its own', () => {
    const aliased = { out: textOption({ flag: 'out', env: 'T_OUT', envAliases: ['STOCK_OUT'], description: 'Where to.', valueName: 'DIR' }) };
    assert.equal(parseOptions({ table: aliased, argv: [], env: { STOCK_OUT: 'a' } }).values.out, 'a');
    assert.equal(parseOptions({ table: aliased, argv: [], env: { STOCK_OUT: 'a', T_OUT: 'b' } }).values.out, 'b');
    assert.match(helpText(aliased, ''), /T_OUT, STOCK_OUT/);
  });

  it('lets the command line win over the environment and the environment over the default', () => {
    const { values, given } = parse(['--memory', '300'], { T_MEMORY: '400', T_POLICY: 'none', T_OUT: '' });
    assert.deepEqual([values.memoryMb, values.policy, values.out], [300, 'none', undefined]);
    assert.deepEqual([...given].sort(), ['memoryMb', 'policy']);
  });

  it('freezes what it returns', () => {
    const { values } = parse(['--actions', 'a,b']);
    assert.ok(Object.isFrozen(values) && Object.isFrozen(values.actions));
  });

  for (const [argv, message, fix] of [
    [['--polcy', 'none'], '--polcy is no option.', 'Did you mean --policy?'],
    [['--qqqqqqq'], '--qqqqqqq is no option.', '--help lists the options.'],
    [['--policy', 'pagrus'], "--policy has to be one of none, pagurus, but is 'pagrus'.", "Did you mean 'pagurus'?"],
    [['--policy'], '--policy needs a value.', 'Write --policy none|pagurus.'],
    [['--policy', '--compare'], '--policy needs a value.', 'Write --policy none|pagurus.'],
    [['--memory', '12.5'], "--memory has to be a whole number from 256 to 4096, but is '12.5'.", 'Write --memory MB.'],
    [['--memory', '1e3'], "--memory has to be a whole number from 256 to 4096, but is '1e3'.", 'Write --memory MB.'],
    [['--memory', '255'], "--memory has to be a whole number from 256 to 4096, but is '255'.", 'Write --memory MB.'],
    [['--memory='], "--memory has to be a whole number from 256 to 4096, but is ''.", 'Write --memory MB.'],
    [['--memory', '-5'], "--memory has to be a whole number from 256 to 4096, but is '-5'.", 'Write --memory MB.'],
    [['--preload=maybe'], "--preload has to be on or off, but is 'maybe'.", 'Write --preload on|off.'],
    [['--no-preload=on'], '--no-preload takes no value.', 'Write --no-preload alone.'],
    [['--no-policy'], '--no-policy is no option.', 'Did you mean --policy?'],
    [['--actions', 'a,,b'], "--actions has to be a list separated by commas, without gaps or repeats, but is 'a,,b'.", 'Write --actions A,B.'],
    [['--actions', 'a,a'], "--actions has to be a list separated by commas, without gaps or repeats, but is 'a,a'.", 'Write --actions A,B.'],
    [['none'], "'none' is no option.", 'Options start with two dashes; --help lists them.'],
    [['--'], "'--' is no option.", 'Options start with two dashes; --help lists them.'],
    [['--small'], '--small is no option here.', 'It belongs to the demo.'],
    [['--constructor'], '--constructor is no option.', '--help lists the options.'],
  ] as const) {
    it(`refuses '${argv.join(' ')}' naming key, rule, value and the way out`, () => {
      const error = refusal([...argv]);
      assert.deepEqual([error.message, error.fix], [message, fix]);
    });
  }

  it('names the environment variable when the value came from there', () => {
    assert.equal(refusal([], { T_SPEED: 'fast' }).message, "T_SPEED has to be a number from 0.1 to 100, but is 'fast'.");
  });
});

describe('helpText', () => {
  it('shows each flag with its values, sentence, default and variable', () => {
    const text = helpText(table, 'npm run x -- [options]');
    for (const option of Object.values(table)) {
      assert.ok(text.includes(`--${option.flag} ${option.valueName}\n      ${option.description} (`), option.flag);
      assert.ok(text.includes(option.env));
    }
    assert.ok(text.includes('(default pagurus; T_POLICY)') && text.includes('(default on; T_PRELOAD)') && text.includes('(T_OUT)'));
  });

  it('is asked for by --help or -h anywhere', () => {
    assert.ok(isHelpRequested(['--policy', 'none', '--help']) && isHelpRequested(['-h']));
    assert.ok(!isHelpRequested(['--policy', 'none']));
  });
});
