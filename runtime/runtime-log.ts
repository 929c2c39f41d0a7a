// The proxy's own log. Unless it is asked for, the library that writes it is not even loaded: every idle container would
// pay 2 MB for it.
import type { Logger } from '../common/logger.ts';

export type RuntimeLog = Pick<Logger, 'debug' | 'info' | 'warn'>;

const nothing = (): void => undefined;

/** @param level pino's; `silent` turns it off */
export async function createRuntimeLog(level: string): Promise<RuntimeLog> {
  if (level === 'silent') return { debug: nothing, info: nothing, warn: nothing };
  const { createLogger } = await import('../common/logger.ts');
  return createLogger('runtime', level);
}
