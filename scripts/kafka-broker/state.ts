// Where the broker of `scripts/kafka up` listens: a file that the demo, the benchmarks and the tests look at.
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { cacheFolder } from './distribution.ts';

const stateSchema = z.object({
  address: z.string(),
  /** The process, or the container that holds it. */
  runs: z.union([z.object({ pid: z.number().int().positive() }), z.object({ container: z.string() })]),
  folder: z.string(),
});
export type RunningBroker = z.infer<typeof stateSchema>;

const stateFile = path.join(cacheFolder, 'broker.json');

/** The broker that `scripts/kafka up` started, or undefined. Whether it still answers is another question. */
export function readRunningBroker(): RunningBroker | undefined {
  if (!existsSync(stateFile)) return undefined;
  const parsed = stateSchema.safeParse(JSON.parse(readFileSync(stateFile, 'utf8')));
  return parsed.success ? parsed.data : undefined;
}

export function writeRunningBroker(broker: RunningBroker): void {
  writeFileSync(stateFile, `${JSON.stringify(broker)}\n`);
}

export function forgetRunningBroker(): void {
  rmSync(stateFile, { force: true });
}
