// Logs are pino JSON lines on standard error; a person's terminal gets its text from elsewhere. Secrets never pass.
import { pino, type Logger } from 'pino';

export type { Logger };

/** Fields that may carry keys or users' data, wherever they are bound. */
const redactedPaths = ['authkey', '*.authkey', 'user.authkey', 'content', '*.content', 'env', '*.env', 'headers.authorization'];

/** The logger of one part; `level` is pino's, `silent` turns it off. */
export function createLogger(part: string, level: string): Logger {
  return pino({ name: `instainfer-${part}`, level, redact: redactedPaths }, pino.destination({ dest: 2, sync: false }));
}
