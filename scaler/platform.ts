// The contest's platform, which makes slots, initialises instances in them and destroys them: what a fleet asks of it, and the
// same over gRPC.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { platformMethods, statusCodes, type Meta } from './interface.ts';
import { RpcClient } from './rpc.ts';

export interface Platform {
  /** @returns the slot's id. @throws where the platform has none to give */
  createSlot(memoryMegabytes: number): Promise<{ readonly slotId: string; readonly createMs: number }>;
  /** Puts an instance of an application into a slot that has none. @throws */
  init(slotId: string, instanceId: string, meta: Meta): Promise<{ readonly initMs: number }>;
  /** A slot that the platform does not know is gone, too. @throws */
  destroySlot(slotId: string, reason: string): Promise<void>;
}

/** An application may take minutes to start. */
const callDeadlineMs = 10 * 60_000;
const firstThrottleDelayMs = 50;
const mostThrottledTries = 8;

export class GrpcPlatform implements Platform {
  readonly #client: RpcClient;

  constructor(address: string) {
    this.#client = new RpcClient(address);
  }

  async createSlot(memoryMegabytes: number): Promise<{ slotId: string; createMs: number }> {
    const reply = await this.#unthrottled(() => this.#client.call(platformMethods.CreateSlot, { request_id: randomUUID(), resource_config: { memory_in_megabytes: memoryMegabytes } }, callDeadlineMs));
    if (reply.status !== statusCodes.ok || reply.slot === undefined) throw refused('CreateSlot', reply);
    return { slotId: reply.slot.id, createMs: reply.slot.create_duration_in_ms };
  }

  async init(slotId: string, instanceId: string, meta: Meta): Promise<{ initMs: number }> {
    const reply = await this.#unthrottled(() => this.#client.call(platformMethods.Init, { request_id: randomUUID(), slot_id: slotId, instance_id: instanceId, meta_data: meta }, callDeadlineMs));
    if (reply.status !== statusCodes.ok) throw refused('Init', reply);
    return { initMs: reply.init_duration_in_ms };
  }

  async destroySlot(slotId: string, reason: string): Promise<void> {
    const reply = await this.#unthrottled(() => this.#client.call(platformMethods.DestroySlot, { request_id: randomUUID(), id: slotId, reason }, callDeadlineMs));
    if (reply.status !== statusCodes.ok && reply.status !== statusCodes.notFound) throw refused('DestroySlot', reply);
  }

  close(): void {
    this.#client.close();
  }

  /** Asks again, each time after twice the delay, while the platform says that it is asked too much. */
  async #unthrottled<T extends { readonly status: number }>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      const reply = await ask();
      if (reply.status !== statusCodes.throttle || tries === mostThrottledTries) return reply;
      await delay(firstThrottleDelayMs * 2 ** (tries - 1));
    }
  }
}

function refused(method: string, { status, error_message }: { readonly status: number; readonly error_message?: string | undefined }): Error {
  return new Error(`${method} was refused with status ${status}${error_message === undefined || error_message === '' ? '' : `: ${error_message}`}`);
}
