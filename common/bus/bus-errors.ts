// What can go wrong on a bus, in words a person can act on.
import { AppError } from '../errors.ts';

/** The error of a record that its topic does not take. */
export function messageTooLarge(topic: string, bytes: number, maxMessageBytes: number | undefined): AppError {
  const limit = maxMessageBytes === undefined ? '' : ` (${maxMessageBytes} bytes)`;
  return new AppError('MESSAGE_TOO_LARGE', `A record of ${bytes} bytes is more than topic ${topic} takes${limit}.`, 'Send less, or raise max.message.bytes of the topic.');
}
