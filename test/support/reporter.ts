// Mocha's own dots and failure report, and one plain closing line that a machine can read in any language.
import mocha from 'mocha';

export default class PlainReporter extends mocha.reporters.Dot {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, pending } = runner.stats ?? { passes: 0, failures: 0, pending: 0 };
      // After Mocha's epilogue, which it prints at the same event and before this listener.
      process.stdout.write(`${passes} passed, ${failures} failed, ${pending} skipped\n`);
    });
  }
}

