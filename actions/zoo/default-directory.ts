// Where the model store is unless an option says otherwise. It does not look whether there is one.
import path from 'node:path';
import type { ArchitectureSize } from './architectures/architecture.ts';

/** The compiled file is three folders below the project's root: build/actions/zoo. */
const projectRoot = path.resolve(import.meta.dirname, '../../..');

/** $INSTAINFER_MODEL_STORE, or `.cache/models` in the project; the small models never share a folder with the full ones. */
export function defaultStoreDirectory(size: ArchitectureSize, environment: Readonly<Record<string, string | undefined>> = process.env): string {
  if (size === 'small') return path.join(projectRoot, '.cache/models-small');
  return environment['INSTAINFER_MODEL_STORE'] ?? path.join(projectRoot, '.cache/models');
}
