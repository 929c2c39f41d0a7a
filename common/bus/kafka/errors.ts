// kafkajs' errors in the project's words. kafkajs wraps errors in errors; what happened is the innermost cause.
import { AppError } from '../../errors.ts';

interface KafkaError {
  readonly name: string;
  readonly message: string;
  /** The broker's name of a protocol error. */
  readonly type?: string;
  readonly retriable?: boolean;
}

/** The error that started it, under kafkajs' wrappers. */
export function causeOf(error: unknown): KafkaError {
  let inner = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  return inner instanceof Error ? inner : { name: 'Error', message: String(inner) };
}

const unansweredNames = ['KafkaJSConnectionError', 'KafkaJSConnectionClosedError', 'KafkaJSBrokerNotFound', 'KafkaJSNoBrokerAvailableError', 'KafkaJSMetadataNotLoaded', 'KafkaJSTopicMetadataNotLoaded', 'KafkaJSLockTimeout'];
const unavailableTypes = ['GROUP_LOAD_IN_PROGRESS', 'GROUP_COORDINATOR_NOT_AVAILABLE', 'NOT_COORDINATOR_FOR_GROUP'];

/** No broker took the request: it can be sent again as soon as one is there. */
export function isUnanswered(error: unknown): boolean {
  const cause = causeOf(error);
  return unansweredNames.includes(cause.name) || (cause.message === 'The producer is disconnected' && cause.name.startsWith('KafkaJS'));
}

/** The group's coordinator is not there at the moment; the same request may succeed later. */
export function isCoordinatorAway(error: unknown): boolean {
  return isUnanswered(error) || causeOf(error).name === 'KafkaJSRequestTimeoutError' || unavailableTypes.includes(causeOf(error).type ?? '');
}

/** The topic was created, or its leader has changed, a moment ago: the broker that was asked does not know of it yet. */
export function isLeaderAway(error: unknown): boolean {
  return ['NOT_LEADER_FOR_PARTITION', 'LEADER_NOT_AVAILABLE'].includes(causeOf(error).type ?? '');
}

export function isMissingTopic(error: unknown): boolean {
  const { type, name } = causeOf(error);
  return type === 'UNKNOWN_TOPIC_OR_PARTITION' || name === 'KafkaJSTopicMetadataNotLoaded';
}

const refusals = ['TOPIC_AUTHORIZATION_FAILED', 'GROUP_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED', 'SASL_AUTHENTICATION_FAILED', 'UNSUPPORTED_SASL_MECHANISM', 'ILLEGAL_SASL_STATE'];

/** What a caller of the bus is told; an error that is none of Kafka's own passes unchanged. */
export function appErrorOf(error: unknown, topic: string | undefined, brokers: readonly string[]): unknown {
  if (error instanceof AppError) return error;
  const cause = causeOf(error);
  const where = brokers.join(', ');
  if (topic !== undefined && isMissingTopic(error)) return new AppError('TOPIC_MISSING', `Kafka has no topic ${topic}.`, 'Its first reader creates it; see that the part that reads it has started.', { cause: error });
  if (cause.name === 'KafkaJSSASLAuthenticationError' || refusals.includes(cause.type ?? '')) return new AppError('BROKER_REFUSED', `Kafka at ${where} refused: ${cause.message}.`, 'Check the user name, the password and the mechanism, and what the user may do.', { cause: error });
  if (isUnanswered(error) || cause.name === 'KafkaJSRequestTimeoutError') return new AppError('BROKER_UNAVAILABLE', `Kafka at ${where} does not answer: ${cause.message}.`, 'Check the addresses and that the broker is up; scripts/kafka up starts one.', { cause: error });
  return error;
}
