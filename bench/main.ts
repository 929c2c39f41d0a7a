// `npm run bench -- NAME [options]`: one benchmark, one question. Each prints ratios measured in one run.
import { AppError, describeError } from '../common/errors.ts';

interface Benchmark {
  readonly question: string;
  readonly load: () => Promise<{ run: (args: string[]) => Promise<void> }>;
}

const benchmarks: Readonly<Record<string, Benchmark>> = {
  api: { question: 'How many blocking invocations does the standalone API answer, beside a bare Express echo; what do 10,000 activations take to page?', load: () => import('./api.bench.ts') },
  diffusion: { question: 'How soon is a first picture there, cold, prewarmed and preloaded, and what does a second container with the pipeline cost?', load: () => import('./diffusion.bench.ts') },
  kafka: { question: 'What does one invoker sustain over Kafka, beside the floor of reading and acknowledging alone?', load: () => import('./kafka.bench.ts') },
  lab: { question: 'What does one event of the simulation take, with 100 to 20,000 functions?', load: () => import('./lab.bench.ts') },
  load: { question: 'How much faster and smaller does a model load than with InferenceSession.create(path)?', load: () => import('./load.bench.ts') },
  preloaded: { question: 'What does a call pay whose artifacts are resident, and what do /status and /offload do meanwhile?', load: () => import('./preloaded.bench.ts') },
  proxy: { question: 'What does a /run cost, and what does it cost in the architecture of the stock runtime?', load: () => import('./proxy.bench.ts') },
  'read-ahead': { question: 'What does a load save whose files were read ahead, against the disk and the page cache?', load: () => import('./read-ahead.bench.ts') },
  similarity: { question: 'Does an action load sooner in a container that holds the same models and libraries for another?', load: () => import('./similarity.bench.ts') },
  startup: { question: 'How soon does a container answer, and what does it hold while it waits for work?', load: () => import('./startup.bench.ts') },
  step: { question: 'What does one scheduling decision take with 10 to 10,000 containers?', load: () => import('./step.bench.ts') },
};

async function main(name: string | undefined, args: string[]): Promise<void> {
  const benchmark = name === undefined ? undefined : benchmarks[name];
  if (benchmark === undefined) {
    const list = Object.entries(benchmarks).map(([key, { question }]) => `  ${key.padEnd(10)} ${question}`);
    process.stdout.write(`usage: npm run bench -- NAME [options]\n${list.join('\n')}\n`);
    if (name !== undefined && name !== '--help') throw new AppError('BAD_OPTION', `There is no benchmark ${name}.`, `Take one of ${Object.keys(benchmarks).join(', ')}.`);
    return;
  }
  const { run } = await benchmark.load();
  await run(args);
}

const [name, ...args] = process.argv.slice(2);
main(name, args).catch((error: unknown) => {
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = 1;
});
