// What benchmarks ask of a runtime container: answers or an error that says what to do.
import { AppError } from '../common/errors.ts';
import type { ExtensionReply, NoReply, RuntimeClient, RuntimeReply } from '../invoker-plugin/runtime-client.ts';

const askAgainMs = 20;

/** @throws AppError CONTAINER_PROTOCOL when the call failed */
export function replied(reply: RuntimeReply | NoReply): RuntimeReply {
  if ('failure' in reply || reply.status !== 200) throw new AppError('CONTAINER_PROTOCOL', `A call failed: ${'failure' in reply ? reply.message : reply.body}.`, 'Run the runtime alone to see why: npm run runtime');
  return reply;
}

/** @throws AppError CONTAINER_PROTOCOL when the route refused */
export function granted<T>(reply: ExtensionReply<T>): T {
  if (!reply.ok) throw new AppError('CONTAINER_PROTOCOL', `A route refused: ${reply.error.error}`, 'Give it more memory, or build the models: npm run models -- build');
  return reply.reply;
}

/**
 * The container keeps a blank slot; starting the next one takes processor time that is no part of what is measured.
 * @returns bytes that the container holds when it has one
 */
export async function untilSettled(client: RuntimeClient, timeoutMs: number): Promise<number> {
  for (;;) {
    const { blankSlotReady, memory } = granted(await client.status(timeoutMs));
    if (blankSlotReady) return memory.usedBytes;
    await new Promise((resolve) => setTimeout(resolve, askAgainMs));
  }
}
