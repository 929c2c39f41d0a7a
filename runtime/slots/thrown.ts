// Makes anything that user code may throw or reject with fit for JSON. It is total: errors with hostile getters,
// cycles and depth come out as text, never as another error.
const maxDepth = 6;

/** An Error becomes `{ name, message, stack, …own properties }`; other values stay what JSON makes of them. */
export function serialiseThrown(thrown: unknown): unknown {
  return plain(thrown, 0, new Set());
}

/** One line for a message: what `String(thrown)` gives, or a substitute when even that throws. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'a value that cannot be shown';
  }
}

/** What is wrong, without a stack: for errors whose message says it all. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return thrown.message;
  } catch {
    // A getter that throws: the text has to do.
  }
  return textOf(thrown);
}

/** The stack where there is one, else the text. */
export function stackOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error && typeof thrown.stack === 'string' && thrown.stack !== '') return thrown.stack;
  } catch {
    // A getter that throws: the text has to do.
  }
  return textOf(thrown);
}

function plain(value: unknown, depth: number, ancestors: Set<object>): unknown {
  if (typeof value === 'bigint' || typeof value === 'symbol') return textOf(value);
  if (typeof value !== 'object' || value === null) return value;
  if (ancestors.has(value)) return '[Circular]';
  if (depth >= maxDepth) return '[…]';
  ancestors.add(value);
  try {
    return plainObject(value, depth, ancestors);
  } finally {
    ancestors.delete(value);
  }
}

function plainObject(value: object, depth: number, ancestors: Set<object>): unknown {
  if (Buffer.isBuffer(value)) return '[object Buffer]';
  if (Array.isArray(value)) return value.map((element) => plain(element, depth + 1, ancestors));
  const result: Record<string, unknown> = {};
  const keys = new Set<string>(value instanceof Error ? ['name', 'message', 'stack', 'code', 'cause'] : []);
  for (const key of Object.keys(value)) keys.add(key);
  for (const key of keys) {
    const property = readProperty(value, key);
    if (property !== undefined && typeof property !== 'function') result[key] = plain(property, depth + 1, ancestors);
  }
  return result;
}

function readProperty(value: object, key: string): unknown {
  try {
    return Reflect.get(value, key);
  } catch (error) {
    return `a property that cannot be read (${textOf(error)})`;
  }
}
