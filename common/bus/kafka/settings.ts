// The settings of a connection to Kafka as a command takes them: to be put into the option table of every command that
// speaks with a broker.
import { readFileSync } from 'node:fs';
import { AppError } from '../../errors.ts';
import type { Logger } from '../../logger.ts';
import { choiceOption, listOption, switchOption, textOption, type OptionValues } from '../../config.ts';
import { eventsTopic } from '../../messages/event-message.ts';
import type { KafkaBusOptions, KafkaSasl, KafkaTls } from './options.ts';

export const kafkaOptionTable = {
  kafkaBrokers: listOption({ flag: 'kafka-brokers', env: 'INSTAINFER_KAFKA_BROKERS', envAliases: ['KAFKA_HOSTS'], description: 'Brokers to begin with.', valueName: 'HOST:PORT,…' }),
  kafkaTopicPrefix: textOption({
    flag: 'kafka-topic-prefix',
    env: 'INSTAINFER_KAFKA_TOPIC_PREFIX',
    envAliases: ['CONFIG_whisk_kafka_topics_prefix'],
    description: 'Put before every topic and group, as the deployment has it.',
    valueName: 'TEXT',
  }),
  kafkaEventsPrefix: textOption({
    flag: 'kafka-events-prefix',
    env: 'INSTAINFER_KAFKA_EVENTS_PREFIX',
    envAliases: ['CONFIG_whisk_kafka_topics_userEvent_prefix'],
    description: 'Put before the topic `events` instead.',
    valueName: 'TEXT',
  }),
  kafkaTls: switchOption({ flag: 'kafka-tls', env: 'INSTAINFER_KAFKA_TLS', description: 'Speak TLS with the brokers.', defaultValue: false }),
  kafkaTlsCa: textOption({ flag: 'kafka-tls-ca', env: 'INSTAINFER_KAFKA_TLS_CA', description: 'Certificates to trust, PEM; the usual ones otherwise.', valueName: 'FILE' }),
  kafkaTlsCert: textOption({ flag: 'kafka-tls-cert', env: 'INSTAINFER_KAFKA_TLS_CERT', description: "The client's own certificate, PEM.", valueName: 'FILE' }),
  kafkaTlsKey: textOption({ flag: 'kafka-tls-key', env: 'INSTAINFER_KAFKA_TLS_KEY', description: 'Its key, PEM.', valueName: 'FILE' }),
  kafkaTlsVerify: switchOption({ flag: 'kafka-tls-verify', env: 'INSTAINFER_KAFKA_TLS_VERIFY', description: "Check the brokers' certificates; off for a laboratory only.", defaultValue: true }),
  kafkaSaslMechanism: choiceOption({
    flag: 'kafka-sasl-mechanism',
    env: 'INSTAINFER_KAFKA_SASL_MECHANISM',
    description: 'How this client says who it is.',
    choices: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
    defaultValue: 'none',
  }),
  kafkaSaslUsername: textOption({ flag: 'kafka-sasl-username', env: 'INSTAINFER_KAFKA_SASL_USERNAME', description: 'Its name.', valueName: 'NAME' }),
  kafkaSaslPassword: textOption({ flag: 'kafka-sasl-password-file', env: 'INSTAINFER_KAFKA_SASL_PASSWORD_FILE', description: 'File that holds its password: a command line is seen by everybody.', valueName: 'FILE' }),
} as const;

export type KafkaSettings = OptionValues<typeof kafkaOptionTable>;

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new AppError('BAD_OPTION', `${file} cannot be read.`, 'Name a file that this process may read.', { cause: error });
  }
}

function tlsOf(settings: KafkaSettings): KafkaTls | undefined {
  if (!settings.kafkaTls) return undefined;
  const { kafkaTlsCa: ca, kafkaTlsCert: cert, kafkaTlsKey: key } = settings;
  return {
    rejectUnauthorized: settings.kafkaTlsVerify,
    ...(ca === undefined ? {} : { ca: textOf(ca) }),
    ...(cert === undefined ? {} : { cert: textOf(cert) }),
    ...(key === undefined ? {} : { key: textOf(key) }),
  };
}

function saslOf(settings: KafkaSettings): KafkaSasl | undefined {
  const { kafkaSaslMechanism: mechanism, kafkaSaslUsername: username, kafkaSaslPassword: passwordFile } = settings;
  if (mechanism === 'none') return undefined;
  if (username === undefined || passwordFile === undefined) throw new AppError('BAD_OPTION', `--kafka-sasl-mechanism ${mechanism} needs a name and a password.`, 'Give --kafka-sasl-username and --kafka-sasl-password-file.');
  return { mechanism, username, password: textOf(passwordFile).trim() };
}

/** @throws {AppError} BAD_OPTION when no brokers are named, a file is missing or half of a pair is given */
export function kafkaBusOptionsOf(settings: KafkaSettings, clientId: string, logger: Logger): KafkaBusOptions {
  const { kafkaBrokers: brokers, kafkaTopicPrefix: topicPrefix, kafkaEventsPrefix: eventsPrefix } = settings;
  if (brokers === undefined) throw new AppError('BAD_OPTION', 'No Kafka broker is named.', 'Give --kafka-brokers HOST:PORT; scripts/kafka up starts one and prints its address.');
  const [tls, sasl] = [tlsOf(settings), saslOf(settings)];
  return {
    brokers,
    clientId,
    logger,
    ...(tls === undefined ? {} : { tls }),
    ...(sasl === undefined ? {} : { sasl }),
    ...(topicPrefix === undefined ? {} : { topicPrefix }),
    // OpenWhisk's events have a prefix of their own, and it is empty unless it is set.
    topicPrefixes: { [eventsTopic]: eventsPrefix ?? '' },
  };
}
