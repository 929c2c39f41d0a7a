// What a connection to Kafka can be told, and the kafkajs clients made from it. kafkajs writes to the console unless told
// otherwise; here everything it says goes to the logger, one level lower than it thinks: it calls every retry an error.
import { Kafka, logLevel, type KafkaConfig, type LogEntry, type SASLOptions } from 'kafkajs';
import type { Logger } from '../../logger.ts';

export interface KafkaTls {
  /** PEM texts; absent: the authorities that Node.js trusts, and no client certificate. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** false accepts any certificate: for a laboratory. */
  readonly rejectUnauthorized?: boolean;
}

export interface KafkaSasl {
  readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  readonly username: string;
  readonly password: string;
}

export interface KafkaBusOptions {
  /** `host:port` of the brokers to begin with. */
  readonly brokers: readonly string[];
  /** Names this process in the brokers' logs. */
  readonly clientId: string;
  readonly logger: Logger;
  readonly tls?: KafkaTls;
  readonly sasl?: KafkaSasl;
  /** Put before every topic and group, as OpenWhisk's `whisk.kafka.topics.prefix`; users of the bus never see it. */
  readonly topicPrefix?: string;
  /** Other prefixes for single topics: OpenWhisk has one of its own for `events`. */
  readonly topicPrefixes?: Readonly<Record<string, string>>;
  readonly timing?: Partial<KafkaTiming>;
}

/** OpenWhisk's own consumer and producer settings (application.conf, whisk.kafka), in ms. */
export interface KafkaTiming {
  /** How long a member may be silent until its partitions go to others. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** How long the broker holds a fetch open when there is nothing. A record that comes ends it at once. */
  readonly fetchWaitMs: number;
  readonly requestTimeoutMs: number;
  readonly connectionTimeoutMs: number;
  /** How long a record is kept for a broker that does not answer: Kafka's delivery.timeout.ms. */
  readonly deliveryTimeoutMs: number;
}

export const defaultTiming: KafkaTiming = {
  sessionTimeoutMs: 30_000,
  heartbeatIntervalMs: 10_000,
  fetchWaitMs: 500,
  requestTimeoutMs: 30_000,
  connectionTimeoutMs: 5_000,
  deliveryTimeoutMs: 120_000,
};

export interface Retries {
  readonly retries: number;
  readonly initialRetryTime: number;
  readonly maxRetryTime: number;
}

/** A few quick attempts: for what is asked once and has a caller that waits. */
export const fewRetries: Retries = { retries: 3, initialRetryTime: 100, maxRetryTime: 1_000 };

function sasl(options: KafkaSasl): SASLOptions {
  const { mechanism, username, password } = options;
  // One branch for each mechanism: kafkajs types them as separate shapes.
  if (mechanism === 'plain') return { mechanism, username, password };
  if (mechanism === 'scram-sha-256') return { mechanism, username, password };
  return { mechanism, username, password };
}

function logTo(logger: Logger): (entry: LogEntry) => void {
  return ({ level, namespace, log }) => {
    const { message, timestamp: _timestamp, logger: _logger, stack: _stack, ...details } = log;
    const line = { client: namespace, ...details };
    if (level === logLevel.ERROR) logger.warn(line, message);
    else if (level === logLevel.WARN) logger.info(line, message);
    else logger.debug(line, message);
  };
}

export function createClient(options: KafkaBusOptions, timing: KafkaTiming, retry: Retries): Kafka {
  const config: KafkaConfig = {
    brokers: [...options.brokers],
    clientId: options.clientId,
    connectionTimeout: timing.connectionTimeoutMs,
    requestTimeout: timing.requestTimeoutMs,
    retry,
    logLevel: options.logger.isLevelEnabled('debug') ? logLevel.INFO : logLevel.WARN,
    logCreator: () => logTo(options.logger),
    ...(options.tls === undefined ? {} : { ssl: { ...options.tls } }),
    ...(options.sasl === undefined ? {} : { sasl: sasl(options.sasl) }),
  };
  return new Kafka(config);
}

/** The names of topics and groups as the broker has them. */
export class Naming {
  private readonly options: KafkaBusOptions;

  constructor(options: KafkaBusOptions) {
    this.options = options;
  }

  prefix(topic: string): string {
    return this.options.topicPrefixes?.[topic] ?? this.options.topicPrefix ?? '';
  }

  topic(topic: string): string {
    return this.prefix(topic) + topic;
  }
}
