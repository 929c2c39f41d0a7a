// The contest's platform as a simulation: slots take a while to be made, instances take what their application says, and what
// is held is metered. The same over gRPC, for any scaler that speaks the contest's interface.
import { randomUUID } from 'node:crypto';
import * as grpc from '@grpc/grpc-js';
import type { Clock } from '../../common/clock.ts';
import { platformMethods, statusCodes, type CreateSlotReply, type CreateSlotRequest, type DestroySlotReply, type DestroySlotRequest, type InitReply, type InitRequest, type Meta } from '../interface.ts';
import type { Platform } from '../platform.ts';
import { unaryCall } from '../rpc.ts';
import type { ReplayApplication } from './dataset.ts';

export interface SimulatedPlatformOptions {
  readonly clock: Clock;
  readonly applications: ReadonlyMap<string, ReplayApplication>;
  /** How long a slot takes to be made. */
  readonly createMs: number;
}

interface HeldSlot {
  readonly memoryMegabytes: number;
  readonly since: number;
  instanceId: string | undefined;
}

const megabytesPerGib = 1024;

export class SimulatedPlatform implements Platform {
  readonly #options: SimulatedPlatformOptions;
  readonly #slots = new Map<string, HeldSlot>();
  #endedGibSeconds = 0;
  #created = 0;

  constructor(options: SimulatedPlatformOptions) {
    this.#options = options;
  }

  /** Slots that were made. */
  get createdCount(): number {
    return this.#created;
  }
  get slotCount(): number {
    return this.#slots.size;
  }

  /** Σ life × memory of all slots until now. */
  heldGibSeconds(): number {
    return [...this.#slots.values()].reduce((sum, slot) => sum + this.#gibSecondsOf(slot), this.#endedGibSeconds);
  }

  async createSlot(memoryMegabytes: number): Promise<{ slotId: string; createMs: number }> {
    const { clock, createMs } = this.#options;
    // A slot counts from when it is asked for: its memory is taken from then on.
    const since = clock.now();
    await this.#pass(createMs);
    const slotId = randomUUID();
    this.#slots.set(slotId, { memoryMegabytes, since, instanceId: undefined });
    this.#created += 1;
    return { slotId, createMs };
  }

  async init(slotId: string, instanceId: string, { key }: Meta): Promise<{ initMs: number }> {
    const slot = this.#slots.get(slotId);
    const application = this.#options.applications.get(key);
    if (slot === undefined) throw new Error(`there is no slot ${slotId}`);
    if (slot.instanceId !== undefined) throw new Error(`slot ${slotId} has an instance already`);
    if (application === undefined) throw new Error(`there is no application '${key}'`);
    if (slot.memoryMegabytes < application.memoryMegabytes) throw new Error(`slot ${slotId} has ${slot.memoryMegabytes} MB, and '${key}' takes ${application.memoryMegabytes}`);
    slot.instanceId = instanceId;
    await this.#pass(application.initMs);
    return { initMs: application.initMs };
  }

  destroySlot(slotId: string): Promise<void> {
    const slot = this.#slots.get(slotId);
    if (slot !== undefined) {
      this.#endedGibSeconds += this.#gibSecondsOf(slot);
      this.#slots.delete(slotId);
    }
    return Promise.resolve();
  }

  /** Whether this instance is in a slot that is there. */
  hasInstance(instanceId: string): boolean {
    return [...this.#slots.values()].some((slot) => slot.instanceId === instanceId);
  }

  #gibSecondsOf({ memoryMegabytes, since }: HeldSlot): number {
    return (memoryMegabytes / megabytesPerGib) * ((this.#options.clock.now() - since) / 1000);
  }

  #pass(ms: number): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      clock.setTimer(clock.now() + ms, resolve);
    });
  }
}

/** A gRPC server of the platform that does not listen yet. */
export function createPlatformServer(platform: SimulatedPlatform, clock: Clock): grpc.Server {
  const server = new grpc.Server();
  server.addService(platformMethods, {
    CreateSlot: unaryCall<CreateSlotRequest, CreateSlotReply>(async ({ resource_config: config }) => {
      if (config === undefined || config.memory_in_megabytes < 1) return { status: statusCodes.invalidArgument, error_message: 'resource_config has no memory_in_megabytes' };
      const { slotId, createMs } = await platform.createSlot(config.memory_in_megabytes);
      return { status: statusCodes.ok, slot: { id: slotId, resource_config: config, create_time: Math.round(clock.now()), create_duration_in_ms: Math.round(createMs) } };
    }),
    Init: unaryCall<InitRequest, InitReply>(async ({ slot_id: slotId, instance_id: instanceId, meta_data: meta }) => {
      const answer = { create_time: Math.round(clock.now()), init_duration_in_ms: 0 };
      if (meta === undefined) return { ...answer, status: statusCodes.invalidArgument, error_message: 'meta_data is missing' };
      try {
        const { initMs } = await platform.init(slotId, instanceId, meta);
        return { ...answer, status: statusCodes.ok, init_duration_in_ms: Math.round(initMs) };
      } catch (error) {
        return { ...answer, status: statusCodes.invalidArgument, error_message: error instanceof Error ? error.message : String(error) };
      }
    }),
    DestroySlot: unaryCall<DestroySlotRequest, DestroySlotReply>(async ({ id }) => {
      await platform.destroySlot(id);
      return { status: statusCodes.ok };
    }),
  });
  return server;
}
