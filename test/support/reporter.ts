// Mocha's own dots and failure report, each failure also as it happens, and one plain closing line that a machine can read in any language.
import mocha from 'mocha';
import { describeError } from '../../common/errors.ts';

export default class PlainReporter extends mocha.reporters.Dot {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    // Its report comes at the very end of a run that takes long.
    runner.on('fail', (test, error: unknown) => process.stdout.write(`\n  failed: ${test.fullTitle()}: ${describeError(error)}\n  `));
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats ?? { passes: 0, failures: 0, pending: 0 };
      // After Mocha's epilogue, which it prints at the same event and before this listener.
      process.stdout.write(`${passes} passed, ${failures} failed, ${pending} skipped\n`);
    });
  }
}

