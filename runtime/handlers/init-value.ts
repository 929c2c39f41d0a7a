// The body of /init, checked by hand by the rules of the protocol's `initValueSchema`, to which a test holds it: a
// container's first call does not wait for zod to be loaded.
import type { InitValue } from '../protocol.ts';

/**
 * The value in a body; one of other types than OpenWhisk sends is taken as one without code, as the stock runtime does.
 * Undefined when the body is not JSON, or neither an object nor an array.
 */
export function initValueOf(body: Buffer): InitValue | undefined {
  if (body.length === 0) return {};
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
  if (typeof json !== 'object' || json === null) return undefined;
  const { value } = json as { value?: unknown };
  if (!isInitValue(value)) return {};
  return Object.fromEntries(fields.flatMap((field) => (value[field] === undefined ? [] : [[field, value[field]]])));
}

const fields = ['name', 'main', 'code', 'binary', 'env', 'revision'] as const;

function isInitValue(value: unknown): value is InitValue {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { name, main, code, binary, env, revision } = value as Record<string, unknown>;
  const areTexts = [name, main, revision].every((text) => text === undefined || typeof text === 'string');
  return areTexts && (code === undefined || code === null || typeof code === 'string') && (binary === undefined || typeof binary === 'boolean') && isEnvironment(env);
}

const isEnvironment = (env: unknown): boolean => env === undefined || env === null || (typeof env === 'object' && !Array.isArray(env));
