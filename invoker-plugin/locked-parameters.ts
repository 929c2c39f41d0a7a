// Decrypts the parameters that OpenWhisk keeps encrypted until an activation runs.
// Wire facts: core/entity/ParameterEncryption.scala: base64 of [length of the iv, 4 bytes big-endian][iv][AES/GCM
// ciphertext with a tag of 128 bits]; what comes out is JSON.
import { createDecipheriv } from 'node:crypto';
import { AppError } from '../common/errors.ts';
import type { ActivationMessage } from '../common/messages/activation-message.ts';

/** Schemes and the bytes of their keys. */
const keyBytesOf = { 'aes-128': 16, 'aes-256': 32 } as const;
export type ParameterScheme = keyof typeof keyBytesOf;

/** The platform's keys by scheme; secrets. */
export type ParameterKeys = Readonly<Partial<Record<ParameterScheme, Uint8Array>>>;

const tagBytes = 16;

/** A key as OpenWhisk's configuration has it. @throws AppError BAD_OPTION */
export function parameterKeyOf(scheme: ParameterScheme, base64: string): Uint8Array {
  const key = Buffer.from(base64, 'base64');
  if (key.length === keyBytesOf[scheme]) return key;
  throw new AppError('BAD_OPTION', `The key of ${scheme} has ${key.length} bytes.`, `Give base64 of ${keyBytesOf[scheme]} bytes, the same as the controller has.`);
}

/**
 * The message with its locked parameters in clear. As in the stock invoker, one whose scheme has no key here stays as it
 * is, and so does one that is no text.
 * @throws AppError BAD_MESSAGE when a value cannot be decrypted with the key
 */
export function unlockParameters(message: ActivationMessage, keys: ParameterKeys): ActivationMessage {
  const { content, lockedArgs } = message;
  if (content === undefined || Array.isArray(content) || Object.keys(lockedArgs).length === 0) return message;
  const unlocked = Object.entries(content).map(([name, value]): [string, unknown] => {
    const scheme = Object.hasOwn(lockedArgs, name) ? lockedArgs[name] : undefined;
    const key = scheme !== undefined && Object.hasOwn(keyBytesOf, scheme) ? keys[scheme as ParameterScheme] : undefined;
    return [name, key === undefined || typeof value !== 'string' ? value : decrypt(name, value, key)];
  });
  return { ...message, content: Object.fromEntries(unlocked) };
}

function decrypt(name: string, text: string, key: Uint8Array): unknown {
  try {
    const bytes = Buffer.from(text, 'base64');
    const ivEnd = 4 + bytes.readUInt32BE(0);
    const decipher = createDecipheriv(key.length === keyBytesOf['aes-128'] ? 'aes-128-gcm' : 'aes-256-gcm', key, bytes.subarray(4, ivEnd), { authTagLength: tagBytes });
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    const clear = Buffer.concat([decipher.update(bytes.subarray(ivEnd, -tagBytes)), decipher.final()]);
    return JSON.parse(clear.toString('utf8'));
  } catch {
    // Without the cause: it may quote what was being decrypted.
    throw new AppError('BAD_MESSAGE', `Parameter ${name} cannot be decrypted.`, "Give the invoker the controller's keys of parameter storage.");
  }
}
