// Apart from the schemas of the protocol: a slot starts without their library.
import type { Artifacts } from './protocol.ts';

/** How many things are wanted; 0: there is nothing to load ahead. */
export function artifactCount({ models, libraries, pipelines = [] }: Artifacts): number {
  return models.length + libraries.length + pipelines.length;
}
