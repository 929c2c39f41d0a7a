// What the conformance suites need of a runtime, and the checks they share: OpenWhisk's own harness in a few lines.
// It knows no runtime: containers come from a factory.
import { strict as assert } from 'node:assert';
import type { Logs, Reply } from './runtime-process.ts';

/** A container nobody has initialised. */
export interface FreshContainer {
  init(body: unknown): Promise<Reply>;
  run(body: unknown): Promise<Reply>;
  /** What it has logged since it is fresh; where logs arrive late, once each stream has so many end markers. */
  readLogs(markers: number): Promise<Logs>;
}

export type ContainerFactory = (environment?: Readonly<Record<string, string>>) => Promise<FreshContainer>;

export interface InitOptions {
  readonly main?: string;
  readonly env?: Readonly<Record<string, string>> | null;
}

/** Whether OpenWhisk takes code for a binary: base64 of whole groups. */
function isBase64(code: string): boolean {
  const trimmed = code.trim();
  return trimmed.length > 0 && trimmed.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(trimmed);
}

export const initBody = (code: string | null, { main = 'main', env = null }: InitOptions = {}): unknown => ({
  value: { code, main, binary: code !== null && isBase64(code), env },
});

export const runBody = (value: unknown, context: Readonly<Record<string, string>> = {}): unknown => ({ value, ...context });

/** Initialises and says so if that does not work. */
export async function initialised(container: FreshContainer, code: string, options?: InitOptions): Promise<FreshContainer> {
  const reply = await container.init(initBody(code, options));
  assert.equal(reply.status, 200, reply.text);
  return container;
}

const marker = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';

/** The streams without their markers, of which there must be exactly `markers` in each. */
export async function streamsOf(container: FreshContainer, markers: number): Promise<Logs> {
  const logs = await container.readLogs(markers);
  for (const stream of ['stdout', 'stderr'] as const) {
    assert.equal(logs[stream].split(`${marker}\n`).length - 1, markers, `markers in ${stream}: ${logs[stream]}`);
  }
  return { stdout: logs.stdout.replaceAll(marker, '').trim(), stderr: logs.stderr.replaceAll(marker, '').trim() };
}

/** Both streams hold nothing but `markers` markers. */
export async function assertQuiet(container: FreshContainer, markers: number): Promise<void> {
  assert.deepEqual(await streamsOf(container, markers), { stdout: '', stderr: '' });
}

/** The reply is 200 with exactly this body. */
export function assertOk(reply: Reply, body: unknown): void {
  assert.equal(reply.status, 200, reply.text);
  assert.deepEqual(reply.json, body);
}

/** The `error` of a reply as text, stacks and all. */
export const errorTextOf = (reply: Reply): string => JSON.stringify((reply.json as { error?: unknown }).error);
