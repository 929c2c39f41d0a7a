// What the demo's containers are: processes of this machine, or containers of its engine.
import { createHash } from 'node:crypto';
import path from 'node:path';
import { DockerDriver, stockDockerSettings } from '../../invoker-plugin/drivers/docker-driver.ts';
import type { ContainerDriver } from '../../invoker-plugin/drivers/driver.ts';
import { ProcessDriver } from '../../invoker-plugin/drivers/process-driver.ts';
import type { DemoOptions } from '../options.ts';

const runtimeMain = path.resolve(import.meta.dirname, '../../runtime/main.js');

/** A stock invoker's grace period; what a process would gain by a pause is not worth it. */
const pauseGraceMs = { process: undefined, docker: 10_000 } as const;

export interface DemoContainers {
  readonly driver: ContainerDriver;
  readonly pauseGraceMs: number | undefined;
}

/**
 * The driver of one invoker of the demo.
 * @param storeDir the model store, for containers that do not see this machine's folders
 */
export function demoContainers(options: DemoOptions, invoker: number, storeDir: string | undefined): DemoContainers {
  return { driver: driverOf(options, invoker, storeDir), pauseGraceMs: pauseGraceMs[options.containers] };
}

function driverOf({ containers, image, poolMemoryBytes }: DemoOptions, invoker: number, storeDir: string | undefined): ContainerDriver {
  switch (containers) {
    case 'process':
      return new ProcessDriver({ runtimeMain, startTimeoutMs: 30_000, graceMs: 2_000 });
    case 'docker':
      return new DockerDriver({ ...stockDockerSettings, image, uniqueName: demoName(), invoker, poolMemoryBytes, modelStore: storeDir });
  }
}

/** Tells this copy of the project from others on the same engine: a demo clears away what its predecessor left. */
function demoName(): string {
  return `demo${createHash('sha256').update(import.meta.dirname).digest('hex').slice(0, 8)}x`;
}
