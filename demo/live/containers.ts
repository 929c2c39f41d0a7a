// What the demo's containers are: processes of this machine, or containers of its engine.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { DockerDriver, stockDockerSettings } from '../../invoker-plugin/drivers/docker-driver.ts';
import type { ContainerDriver } from '../../invoker-plugin/drivers/driver.ts';
import { ProcessDriver } from '../../invoker-plugin/drivers/process-driver.ts';

const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');

/** A stock invoker's grace period; what a process would gain by a pause is not worth it. */
const pauseGraceMs = { process: undefined, docker: 10_000 } as const;

export interface DemoContainers {
  readonly driver: ContainerDriver;
  readonly pauseGraceMs: number | undefined;
}

/** What an invoker has to know of its containers; a plain value, as it goes to invokers in processes of their own. */
export interface ContainerSettings {
  readonly containers: 'process' | 'docker';
  readonly image: string;
  readonly poolMemoryBytes: number;
  /** The model store, for containers that do not see this machine's folders. */
  readonly storeDir: string | undefined;
}

/** The driver of one invoker of the demo. */
export function demoContainers(settings: ContainerSettings, invoker: number): DemoContainers {
  return { driver: driverOf(settings, invoker), pauseGraceMs: pauseGraceMs[settings.containers] };
}

function driverOf({ containers, image, poolMemoryBytes, storeDir }: ContainerSettings, invoker: number): ContainerDriver {
  switch (containers) {
    case 'process':
      return new ProcessDriver({ runtimeMain, startTimeoutMs: 30_000, graceMs: 2_000 });
    case 'docker':
      return new DockerDriver({ ...stockDockerSettings, image, uniqueName: demoName(), invoker, poolMemoryBytes, modelStore: storeDir });
  }
}

/** Tells this copy of the project from others on the same engine: a demo clears away what its predecessor left. */
export function demoName(): string {
  return `demo${createHash('sha256').update(import.meta.dirname).digest('hex').slice(0, 8)}x`;
}
