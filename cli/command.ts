// What a command of `instainfer` is. It knows none of them.

export interface Command {
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /**
   * Runs it with the arguments after its name; `--help` among them is its to answer.
   * @returns the exit code
   * @throws AppError that says what is wrong and what to do
   */
  readonly run: (argv: readonly string[], env: NodeJS.ProcessEnv) => Promise<number>;
}

/** Exit codes of every command. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  badUsage: 2,
  /** 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const;
