// OpenWhisk's way to write an amount of memory. Wire facts: core/entity/Size.scala.

const factors: Readonly<Record<string, number>> = { B: 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** The bytes of a size such as `2147483648 B` or `256 MB` (powers of 1024); undefined for what is none. */
export function bytesOfSize(text: string): number | undefined {
  const [, digits, unit] = /^\s?(\d+)\s?(GB|MB|KB|B|G|M|K)\s?$/i.exec(text) ?? [];
  const factor = factors[unit?.charAt(0).toUpperCase() ?? ''];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}
