// What the invoker asks of whatever starts its containers: a process, a container engine. It does not speak HTTP to them.

/** What every container of an invoker of ours is told: models come, so that a first load is not to wait for ONNX Runtime. */
export const runtimeEnvironment = { INSTAINFER_ONNX_RUNTIME: 'ahead' } as const;

export interface ContainerRequest {
  readonly containerId: string;
  readonly memoryLimitBytes: number;
  /** Environment of the runtime, on top of what the driver sets itself. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Receives every line the container's code writes, sentinel lines included; `time` (RFC 3339) where the driver knows it. */
export type LogListener = (stream: 'stdout' | 'stderr', line: string, time?: string) => void;

/** How a container ended. */
export interface ContainerEnd {
  /** One line, such as `exit code 137`. */
  readonly reason: string;
  /** The kernel ended it because it reached its memory limit. */
  readonly memoryExhausted: boolean;
}

export interface Container {
  readonly containerId: string;
  /** Where its action proxy listens, such as `http://127.0.0.1:41234`. */
  readonly baseUrl: string;
  /** Resolves when the container has ended, for whatever reason. */
  readonly ended: Promise<ContainerEnd>;
  onLog(listener: LogListener): void;
  /** Takes the processor from it: it answers nothing until {@link resume}. Resolves when that is so. Idempotent. */
  pause(): Promise<void>;
  /** Gives the processor back. Idempotent. @throws when the container has ended */
  resume(): Promise<void>;
  /** Ends the container and everything in it, paused or not; resolves when nothing of it is left. Idempotent. */
  remove(): Promise<void>;
}

export interface ContainerDriver {
  /**
   * Makes ready for the first container: removes what an earlier run of the same invoker left.
   * @throws AppError CONTAINER_START that says what is missing on this machine
   */
  start(): Promise<void>;
  /**
   * Starts a container and resolves when its proxy listens.
   * @throws AppError CONTAINER_START with the reason; nothing of the container is left then.
   */
  create(request: ContainerRequest): Promise<Container>;
  /** Removes all containers of this driver. Idempotent. */
  close(): Promise<void>;
}
