// What the invoker asks of whatever starts its containers: a process, a container engine. It does not speak HTTP to them.

export interface ContainerRequest {
  readonly containerId: string;
  readonly memoryLimitBytes: number;
  /** Environment of the runtime, on top of what the driver sets itself. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Receives every line the container's code writes, sentinel lines included. */
export type LogListener = (stream: 'stdout' | 'stderr', line: string) => void;

export interface Container {
  readonly containerId: string;
  /** Where its action proxy listens, such as `http://127.0.0.1:41234`. */
  readonly baseUrl: string;
  /** Resolves when the container has ended, for whatever reason, with one line that says how. */
  readonly ended: Promise<string>;
  onLog(listener: LogListener): void;
  /** Ends the container and everything in it; resolves when nothing of it is left. Idempotent. */
  remove(): Promise<void>;
}

export interface ContainerDriver {
  /**
   * Starts a container and resolves when its proxy listens.
   * @throws AppError CONTAINER_START with the reason; nothing of the container is left then.
   */
  create(request: ContainerRequest): Promise<Container>;
  /** Removes all containers of this driver. Idempotent. */
  close(): Promise<void>;
}
