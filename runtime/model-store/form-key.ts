// What a loading form is valid for: the version of ONNX Runtime that wrote it and the CPU features whose layouts it
// bakes in. Two machines with the same key may share a form; any other opens the plain file.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

/** Features that ONNX Runtime's kernels choose their weight layouts by; others do not change a saved file. */
const layoutFeatures = ['avx', 'avx2', 'fma', 'f16c', 'avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni', 'avx512_bf16', 'avx_vnni', 'amx_tile', 'amx_int8', 'amx_bf16', 'asimd', 'asimdhp', 'asimddp', 'bf16', 'i8mm', 'sve'];

/** The layout features in the text of /proc/cpuinfo, in the order of the table above. */
export function cpuFeatures(cpuInfo: string): string[] {
  const flags = new Set(/^(?:flags|Features)\s*:(.*)$/m.exec(cpuInfo)?.[1]?.trim().split(/\s+/));
  return layoutFeatures.filter((feature) => flags.has(feature));
}

/** Key of a loading form, such as `onnxruntime 1.30.0, x64, avx+avx2+fma`. */
export function formKey(ortVersion: string, architecture: string, features: readonly string[]): string {
  return `onnxruntime ${ortVersion}, ${architecture}, ${features.join('+') || 'no vector features'}`;
}

/** Version of the installed onnxruntime-node, found without loading its native library. */
export function installedOrtVersion(): string {
  const manifest = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };
  return manifest.version;
}

let known: string | undefined;

/** The key of this process: it cannot change while the process lives, so it is read once. */
export function currentFormKey(): string {
  known ??= formKey(installedOrtVersion(), process.arch, cpuFeatures(readCpuInfo()));
  return known;
}

function readCpuInfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    // No Linux: without known features the key still tells versions and architectures apart.
    return '';
  }
}
