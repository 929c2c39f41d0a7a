// The error of the routes that go beyond OpenWhisk's: a status and the body the caller gets.
import type { ExtensionErrorReply, MemoryReport } from './protocol.ts';

const statusOf = {
  'bad-request': 400,
  forbidden: 403,
  busy: 409,
  cancelled: 409,
  artifact: 422,
  draining: 503,
  unavailable: 503,
  deadline: 504,
  memory: 507,
} as const satisfies Record<ExtensionErrorReply['code'], number>;

export class ExtensionError extends Error {
  readonly status: number;
  readonly reply: ExtensionErrorReply;

  /** @param numbers prediction and memory, where it is about memory */
  constructor(code: ExtensionErrorReply['code'], error: string, numbers?: { predictedBytes: number; memory: MemoryReport }) {
    super(error);
    this.status = statusOf[code];
    this.reply = { error, code, ...numbers };
  }
}
