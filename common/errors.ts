// The one error class of the project and the table of its codes. It does not decide who exits or how an error is shown.

/**
 * Every error code and whether trying again, unchanged, can help.
 * A code is part of the public interface: scripts match on it, so it never changes its meaning.
 */
export const errorCodes = {
  BAD_OPTION: { retriable: false },
  BAD_TRACE: { retriable: false },
  BAD_JOURNAL: { retriable: false },
  BAD_PROFILE: { retriable: false },
  BAD_MESSAGE: { retriable: false },
  MESSAGE_TOO_LARGE: { retriable: false },
  TOPIC_MISSING: { retriable: true },
  BROKER_UNAVAILABLE: { retriable: true },
  BROKER_REFUSED: { retriable: false },
  MODEL_MISSING: { retriable: false },
  MODEL_CORRUPT: { retriable: false },
  MODEL_STORE_MISSING: { retriable: false },
  PIPELINE_CORRUPT: { retriable: false },
  DIFFUSION_INPUT: { retriable: false },
  DIFFUSION_CANCELLED: { retriable: true },
  WEIGHTS_MISMATCH: { retriable: false },
  DISK_FULL: { retriable: true },
  DOWNLOAD_FAILED: { retriable: true },
  DOWNLOAD_REFUSED: { retriable: false },
  ACTION_UNREADABLE: { retriable: false },
  CATALOG_UNAVAILABLE: { retriable: true },
  PLATFORM_UNSUPPORTED: { retriable: false },
  PORT_IN_USE: { retriable: false },
  WORK_FOLDER: { retriable: false },
  TOO_LITTLE_MEMORY: { retriable: false },
  ACTION_ARCHIVE: { retriable: false },
  SLOT_USERS: { retriable: false },
  DATA_FOLDER_IN_USE: { retriable: false },
  DATA_FOLDER: { retriable: false },
  SERVER_UNAVAILABLE: { retriable: true },
  SERVER_REFUSED: { retriable: false },
  CONTAINER_START: { retriable: true },
  CONTAINER_PROTOCOL: { retriable: true },
} as const;

/** One of the codes of {@link errorCodes}. */
export type ErrorCode = keyof typeof errorCodes;

/**
 * An error that a person can act on: `message` is one line that says what is wrong, `fix` one line that says what to do.
 */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly fix: string;
  readonly retriable: boolean;

  constructor(code: ErrorCode, message: string, fix: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'AppError';
    this.code = code;
    this.fix = fix;
    this.retriable = errorCodes[code].retriable;
  }
}

/** One line for a person's terminal; total over every thrown value, hostile getters included. */
export function describeError(thrown: unknown): string {
  try {
    if (thrown instanceof AppError) return `${thrown.message} ${thrown.fix} [${thrown.code}]`;
    if (thrown instanceof Error) return thrown.message.split('\n')[0] ?? thrown.name;
    return String(thrown);
  } catch {
    return 'an error that cannot be described';
  }
}
