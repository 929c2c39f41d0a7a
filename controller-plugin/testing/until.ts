// Waits for a condition instead of sleeping.

/** Resolves once `holds` says true; rejects after `timeoutMs` with `what`. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, timeoutMs = 8000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`in vain waited for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
