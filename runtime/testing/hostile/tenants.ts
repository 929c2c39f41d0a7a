// Tenants of one container, good and bad, as the hostile suite drives them over HTTP. It knows no engine: containers come
// from a factory.
import { strict as assert } from 'node:assert';
import type { StatusReply } from '../../protocol.ts';
import { callRuntime, type Reply } from '../runtime-process.ts';

export const token = 'a-token-that-no-action-may-learn';

export interface HostileContainer {
  /** Where a driver reaches it. */
  readonly baseUrl: string;
  /** Where code inside reaches its own proxy. */
  readonly ownUrl: string;
  /** Where code in another container reaches it. */
  readonly neighbourUrl: string;
  /** Ends it as an invoker would. */
  remove(): Promise<unknown>;
}

export interface HostileRequest {
  /** With the token, and own users demanded: a container that cannot have them does not start. */
  readonly environment: Readonly<Record<string, string>>;
  /** When given, the folder for temporary files holds so much and no more. */
  readonly temporaryBytes?: number;
}

/** Starts a container that has a model store with the models `one`, `two` and `three`. */
export type HostileFactory = (request: HostileRequest) => Promise<HostileContainer>;

export const environment = { INSTAINFER_TOKEN: token, INSTAINFER_SLOT_USERS: 'own', INSTAINFER_GRACE_MS: '200' };

/** Source every action begins with: `attempt` says what came of something that should be refused. */
const prelude = `
  const fs = require('node:fs');
  const os = require('node:os');
  const path = require('node:path');
  const { execFileSync, spawn } = require('node:child_process');
  const attempt = (work) => { try { return { done: String(work()).slice(0, 200) }; } catch (error) { return { refused: String(error.info?.code ?? error.code ?? error.message) }; } };
  const uidOf = (pid) => { try { return Number(/^Uid:\\s+(\\d+)/m.exec(fs.readFileSync('/proc/' + pid + '/status', 'utf8'))[1]); } catch { return -1; } };
  const processesOf = (uid) => fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name) && uidOf(name) === uid && !/^State:\\s+Z/m.test(fs.readFileSync('/proc/' + name + '/status', 'utf8')));
`;

/** One attempt's outcome, as `attempt` gives it. */
export interface Outcome {
  readonly done?: string;
  readonly refused?: string;
}

export class Tenants {
  readonly container: HostileContainer;

  constructor(container: HostileContainer) {
    this.container = container;
  }

  call(method: 'GET' | 'POST', route: string, body?: unknown): Promise<Reply> {
    return callRuntime(this.container.baseUrl, method, route, body, { authorization: `Bearer ${token}` });
  }

  /** /init of `namespace/name`, whose code begins with the prelude unless it is an archive. */
  init(namespace: string, name: string, code: string, binary = false): Promise<Reply> {
    const env = { __OW_ACTION_NAME: `/${namespace}/${name}`, __OW_NAMESPACE: namespace, __OW_ACTION_VERSION: '0.0.1' };
    return this.call('POST', '/init', { value: { name, main: 'main', code: binary ? code : prelude + code, binary, env } });
  }

  /** Initialises `namespace/name` and runs it once. */
  async act<T>(namespace: string, name: string, code: string, value: object = {}): Promise<T> {
    const initialised = await this.init(namespace, name, code);
    assert.equal(initialised.status, 200, initialised.text);
    return this.result<T>(value);
  }

  async result<T>(value: object = {}): Promise<T> {
    const reply = await this.call('POST', '/run', { value });
    assert.equal(reply.status, 200, reply.text);
    return reply.json as T;
  }

  async clean(retain = false): Promise<void> {
    const reply = await this.call('POST', '/clean', { value: { retain } });
    assert.equal(reply.status, 200, reply.text);
  }

  async status(): Promise<StatusReply> {
    const reply = await this.call('GET', '/status');
    assert.equal(reply.status, 200, reply.text);
    return reply.json as StatusReply;
  }

  /** A stem cell with nothing in it. */
  async reset(): Promise<void> {
    await this.clean();
    const reply = await this.call('POST', '/offload', { value: { all: true } });
    assert.equal(reply.status, 200, reply.text);
  }

  /** Somebody else's action works here as if nothing had been. */
  async assertUnharmed(): Promise<void> {
    await this.clean();
    assert.deepEqual(await this.act('victim', 'echo', 'function main(args) { return args; }', { a: [1, 'ä'] }), { a: [1, 'ä'] });
  }
}

/** Every attempt was refused, for want of a right or because there is nothing. */
export function assertRefused(outcomes: Readonly<Record<string, Outcome>>): void {
  assert.ok(Object.keys(outcomes).length > 0);
  for (const [what, { done, refused }] of Object.entries(outcomes)) {
    assert.match(refused ?? `done: ${done ?? ''}`, /^(EACCES|EPERM|ENOENT|ESRCH|EROFS|EXDEV)$/, what);
  }
}
