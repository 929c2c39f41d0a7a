// Predicts the private memory that loading a model will cost, before it is loaded. It measures nothing: the runtime
// corrects a prediction after the load.
import { currentFormKey } from './form-key.ts';
import type { StoredModel } from './manifest.ts';
import type { OpenMode } from './open-model.ts';

/**
 * A default load keeps up to 2.4 times the file (weights, re-laid-out weights, pre-packed weights) and peaks at 2.5
 * times; the constant is activations and allocator slack, which dominate small files (ResNet-18: 47 MB cost 167 MB).
 */
const plainFactor = 2.5;
const plainSlackBytes = 50e6;

/**
 * Weights in external data are mapped, and only their pre-packed copy is private: the UNet of Stable Diffusion 1.5, 3,438 MB
 * of them, peaks at 3,682 MB while it loads and holds 3,776 MB after its first run.
 */
const externalFactor = 1.2;

/**
 * Private bytes at the peak of loading a plain ONNX file of so many bytes, first inference included.
 * @param externalBytes of the files beside it that hold weights
 */
export function predictPlainResidentBytes(fileBytes: number, externalBytes = 0): number {
  return Math.round(fileBytes * plainFactor + externalBytes * externalFactor + plainSlackBytes);
}

/** Bytes of the files that hold a stored model's weights outside of its plain file. */
export function externalBytesOf({ externalData = [] }: Pick<StoredModel, 'externalData'>): number {
  return externalData.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** Private bytes that a stored model will cost in this mode on a machine of this form key, first inference included. */
export function predictResidentBytes(model: StoredModel, mode: OpenMode, key = currentFormKey()): number {
  if (mode === 'stock' || model.form?.key !== key) return predictPlainResidentBytes(model.plain.bytes, externalBytesOf(model));
  return model.form.measured.privateBytes;
}
