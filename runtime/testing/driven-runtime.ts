// A runtime process with a tiny model store, and the calls of a driver in short form.
import { strict as assert } from 'node:assert';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { eventually } from '../../common/testing/eventually.ts';
import type { ExtensionErrorReply, LoadReply, OffloadReply, StatusReply } from '../protocol.ts';
import { RuntimeProcess, type Reply } from './runtime-process.ts';
import { writeTinyStore } from './tiny-store.ts';

export interface ActionOptions {
  readonly namespace?: string;
  readonly version?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Source of an action that infers with a model through the SDK and says how its slot came to it. */
export const inferenceCode = (model: string): string => `
  const { model } = require('instainfer');
  const { Tensor } = require('onnxruntime-node');
  async function main() {
    const session = await model(${JSON.stringify(model)});
    const { y } = await session.run({ x: new Tensor('float32', [2], [1]) });
    return { y: y.data[0], pid: process.pid };
  }`;

export class DrivenRuntime {
  readonly runtime: RuntimeProcess;
  readonly storeDir: string;

  private constructor(runtime: RuntimeProcess, storeDir: string) {
    this.runtime = runtime;
    this.storeDir = storeDir;
  }

  static async start(environment: Readonly<Record<string, string>> = {}, heavyBytes?: number, prelude?: string): Promise<DrivenRuntime> {
    const storeDir = mkdtempSync(path.join(os.tmpdir(), 'tiny-store-'));
    // Slots read it as users of their own.
    chmodSync(storeDir, 0o755);
    writeTinyStore(storeDir, { models: ['one', 'two', 'three'], ...(heavyBytes === undefined ? {} : { heavyBytes }) });
    return new DrivenRuntime(await RuntimeProcess.start({ INSTAINFER_MODEL_STORE: storeDir, ...environment }, prelude), storeDir);
  }

  async stop(): Promise<number | null> {
    const code = await this.runtime.stop();
    rmSync(this.storeDir, { recursive: true, force: true });
    return code;
  }

  /** A stem cell with nothing resident. */
  async reset(): Promise<void> {
    for (const [route, value] of [
      ['/clean', { retain: false }],
      ['/offload', { all: true }],
    ] as const) {
      const reply = await this.runtime.call('POST', route, { value });
      assert.equal(reply.status, 200, reply.text);
    }
  }

  async status(): Promise<StatusReply> {
    return (await this.runtime.call('GET', '/status')).json as StatusReply;
  }

  /** Waits for the blank slot, so that figures that depend on it do not depend on chance. */
  blankSlot(): Promise<void> {
    return eventually(async () => (await this.status()).blankSlotReady, 'a blank slot', 20_000);
  }

  /** The slots' processes, the blank one among them: children of the proxy that run Node.js. */
  slotPids(): number[] {
    const { pid } = this.runtime.child;
    const text = readdirSync(`/proc/${pid}/task`).flatMap((task) => readText(`/proc/${pid}/task/${task}/children`).split(' '));
    return text.map(Number).filter((child) => child > 0 && readText(`/proc/${child}/cmdline`).includes('slot-entry'));
  }

  /** `POST /load` of an action `namespace/name` that declares the model `name`, unless told otherwise. */
  load(name: string, { namespace = 'guest', version = '0.0.1', ...value }: ActionOptions & Record<string, unknown> = {}): Promise<Reply> {
    const artifacts = { models: [{ name, store: name }], libraries: [] };
    return this.runtime.call('POST', '/load', { value: { action: `${namespace}/${name}`, version, namespace, artifacts, ...value } });
  }

  async loaded(name: string, options?: ActionOptions & Record<string, unknown>): Promise<LoadReply> {
    const reply = await this.load(name, options);
    assert.equal(reply.status, 200, reply.text);
    return reply.json as LoadReply;
  }

  init(name: string, code: string, { namespace = 'guest', version = '0.0.1', env = {} }: ActionOptions = {}): Promise<Reply> {
    const context = { __OW_NAMESPACE: namespace, __OW_ACTION_NAME: `/${namespace}/${name}`, __OW_ACTION_VERSION: version };
    return this.runtime.call('POST', '/init', { value: { name, main: 'main', code, binary: false, env: { ...context, ...env } } });
  }

  /** Initialises; gives the slot the code went to, as the Server-Timing header names it. */
  async initialised(name: string, code: string, options?: ActionOptions): Promise<string> {
    const reply = await this.init(name, code, options);
    assert.equal(reply.status, 200, reply.text);
    return slotOf(reply);
  }

  run(value: unknown = {}): Promise<Reply> {
    return this.runtime.call('POST', '/run', { value });
  }

  async result(value: unknown = {}): Promise<Record<string, unknown>> {
    const reply = await this.run(value);
    assert.equal(reply.status, 200, reply.text);
    return reply.json as Record<string, unknown>;
  }

  clean(retain: boolean): Promise<Reply> {
    return this.runtime.call('POST', '/clean', { value: { retain } });
  }

  async offloaded(value: object): Promise<OffloadReply> {
    const reply = await this.runtime.call('POST', '/offload', { value });
    assert.equal(reply.status, 200, reply.text);
    return reply.json as OffloadReply;
  }

  /** The slots' states by action, such as `{ 'guest/one': 'resident' }`. */
  async slotStates(): Promise<Record<string, string>> {
    const { slots } = await this.status();
    return Object.fromEntries(slots.map(({ action, state }) => [action, state]));
  }
}

export const slotOf = (reply: Reply): string => /slot;desc="(\w+)"/.exec(reply.headers.get('server-timing') ?? '')?.[1] ?? 'none';

/** A phase of the Server-Timing header, in ms. */
export const phaseOf = (reply: Reply, phase: string): number => Number(new RegExp(`${phase};dur=([\\d.]+)`).exec(reply.headers.get('server-timing') ?? '')?.[1]);

export function assertExtensionError(reply: Reply, status: number, code: ExtensionErrorReply['code']): ExtensionErrorReply {
  const error = reply.json as ExtensionErrorReply;
  assert.deepEqual([reply.status, error.code], [status, code], reply.text);
  return error;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
