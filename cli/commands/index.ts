// The commands of `instainfer`, in the order in which --help lists them. Each is loaded when it is called: what one needs
// must not slow the others down.
import type { Command } from '../command.ts';

export const commands: readonly Command[] = [
  {
    name: 'standalone',
    summary: 'a whole OpenWhisk on this machine, with pre-loading: wsk and the JavaScript client just work',
    run: async (argv, env) => (await import('./standalone.ts')).runStandalone(argv, env),
  },
  {
    name: 'invoker',
    summary: 'serves as an invoker under a stock OpenWhisk controller, over Kafka',
    run: async (argv, env) => (await import('./invoker.ts')).runInvoker(argv, env),
  },
  {
    name: 'demo',
    summary: 'replays five minutes of a real trace on real containers, with pre-loading, and reports what it saved',
    run: async (argv, env) => (await import('../../demo/live/run-demo.ts')).runDemo(argv, env),
  },
  {
    name: 'sim',
    summary: 'the same on virtual time, in a second',
    run: async (argv, env) => (await import('../../demo/sim/run-sim.ts')).runSimCommand(argv, env, { stdout: process.stdout, stderr: process.stderr }),
  },
  {
    name: 'lab',
    summary: 'holds scheduling policies against each other on a trace, on virtual time',
    run: async (argv, env) => {
      const { processOutput, runLabCommand } = await import('../../lab/lab-command.ts');
      return runLabCommand(argv, env, processOutput);
    },
  },
  {
    name: 'trace',
    summary: 'says what is in a trace of calls, cuts a small one out of a day, makes one of a class of arrivals',
    run: async (argv, env) => (await import('../../lab/traces/trace-command.ts')).runTraceCommand(argv, env, process.stdout),
  },
  {
    name: 'models',
    summary: 'builds, pulls, syncs, lists and verifies the models of the model store; imports trained weights',
    run: async (argv) => (await import('../../actions/zoo/command.ts')).runModelsCommand(argv),
  },
  {
    name: 'controller',
    summary: 'plans what is loaded when and where, from what it sees on the Kafka of a stock OpenWhisk',
    run: async (argv, env) => (await import('./controller.ts')).runController(argv, env),
  },
  {
    name: 'attach',
    summary: 'beside a stock OpenWhisk invoker: loads ahead into its stem cells; docs/deploy.md',
    run: async (argv, env) => (await import('./attach.ts')).runAttach(argv, env),
  },
  {
    name: 'scaler',
    summary: "serves the cloud-native contest's Scaler task over gRPC with this project's core; docs/scaler.md",
    run: async (argv, env) => (await import('./scaler.ts')).runScaler(argv, env),
  },
  {
    name: 'scaler-replay',
    summary: 'replays a data set of that task to our core, to its reference, or to any scaler over gRPC, and scores them',
    run: async (argv, env) => (await import('./scaler-replay.ts')).runScalerReplay(argv, env),
  },
  {
    name: 'runtime',
    summary: 'the action runtime alone, on PORT (default 8080); docs/runtime.md has its settings',
    run: async (argv) => (await import('./runtime.ts')).runRuntime(argv),
  },
  {
    name: 'deploy',
    summary: 'packages the folder of an action and creates it, or updates it, on an OpenWhisk',
    run: async (argv, env) => (await import('./deploy.ts')).runDeploy(argv, env),
  },
  {
    name: 'status',
    summary: 'what a running standalone server has: containers, what is resident in them, actions',
    run: async (argv, env) => (await import('./status.ts')).runStatus(argv, env),
  },
  {
    name: 'explain',
    summary: 'why an activation started as it did, from a running standalone server or a journal',
    run: async (argv, env) => (await import('./explain.ts')).runExplain(argv, env),
  },
  {
    name: 'completion',
    summary: 'prints what makes a shell complete these commands and their options',
    run: async (argv) => (await import('./completion.ts')).runCompletion(argv, commands.map(({ name }) => name)),
  },
];
