// Names of containers as a stock invoker gives them (DockerContainer.containerName and ContainerFactory in Apache
// OpenWhisk): `wsk<unique name><invoker>_<counter>_<prefix>_<suffix>`.

const allowed = /[^a-zA-Z0-9_]/g;

/** What the names of all containers of one invoker begin with. */
export function containerNamePrefix(uniqueName: string, invoker: number): string {
  return `wsk${uniqueName.replaceAll(allowed, '')}${invoker}_`;
}

/** The name of a container that waits for any action of a kind. */
export function stemCellName(uniqueName: string, invoker: number, counter: number, kind: string): string {
  return `${containerNamePrefix(uniqueName, invoker)}${counter}_prewarm_${kind.replaceAll(allowed, '')}`;
}

/** Whether a name is a stock stem cell's of the kind, of whichever invoker. */
export function isStemCellName(name: string, kind: string): boolean {
  return new RegExp(`^wsk[a-zA-Z0-9_]*_\\d+_prewarm_${kind.replaceAll(allowed, '')}$`).test(name);
}

/**
 * A container's share of the processor when all want it: 1024 for the whole pool, split by memory
 * (`cpuShare` of ContainerPoolConfig).
 */
export function cpuSharesOf(containerBytes: number, poolBytes: number): number {
  return Math.max(2, Math.trunc(1024 / Math.max(1, Math.floor(poolBytes / containerBytes))));
}
