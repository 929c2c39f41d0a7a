import { strict as assert } from 'node:assert';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { kafkaBusOptionsOf, kafkaOptionTable } from '../bus/kafka/settings.ts';
import type { KafkaBusOptions } from '../bus/kafka-bus.ts';
import { parseOptions } from '../config.ts';
import { AppError } from '../errors.ts';
import { createLogger } from '../logger.ts';

describe('the settings of a connection to Kafka', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'kafka-settings-'));
    writeFileSync(path.join(folder, 'ca.pem'), 'the authority');
    writeFileSync(path.join(folder, 'password'), 'a secret\n');
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  const optionsOf = (argv: string[], env: Record<string, string> = {}): KafkaBusOptions =>
    kafkaBusOptionsOf(parseOptions({ table: kafkaOptionTable, argv, env }).values, 'invoker0', createLogger('test', 'silent'));

  it('need brokers, by flag or as OpenWhisk names them', () => {
    assert.deepEqual(optionsOf(['--kafka-brokers', 'a:9092,b:9092']).brokers, ['a:9092', 'b:9092']);
    assert.deepEqual(optionsOf([], { KAFKA_HOSTS: 'c:9093' }).brokers, ['c:9093']);
    assert.throws(() => optionsOf([]), (error) => error instanceof AppError && error.code === 'BAD_OPTION' && error.fix.includes('scripts/kafka up'));
  });

  it('are without TLS and credentials unless asked', () => {
    const options = optionsOf(['--kafka-brokers', 'a:1']);
    assert.deepEqual([options.tls, options.sasl, options.topicPrefix], [undefined, undefined, undefined]);
  });

  it('read certificates and the password from files', () => {
    const options = optionsOf(['--kafka-brokers', 'a:1', '--kafka-tls', '--kafka-tls-ca', path.join(folder, 'ca.pem'), '--kafka-sasl-mechanism', 'scram-sha-512', '--kafka-sasl-username', 'me', '--kafka-sasl-password-file', path.join(folder, 'password')]);
    assert.deepEqual(options.tls, { rejectUnauthorized: true, ca: 'the authority' });
    assert.deepEqual(options.sasl, { mechanism: 'scram-sha-512', username: 'me', password: 'a secret' });
  });

  it('are refused with a mechanism and no password, or with a file that is not there', () => {
    for (const argv of [
      ['--kafka-sasl-mechanism', 'plain', '--kafka-sasl-username', 'me'],
      ['--kafka-tls', '--kafka-tls-ca', path.join(folder, 'missing.pem')],
    ]) {
      assert.throws(() => optionsOf(['--kafka-brokers', 'a:1', ...argv]), (error) => error instanceof AppError && error.code === 'BAD_OPTION');
    }
  });

  it('have a prefix for topics, which the topic of events does not share', () => {
    const options = optionsOf(['--kafka-brokers', 'a:1'], { CONFIG_whisk_kafka_topics_prefix: 'prod-' });
    assert.deepEqual([options.topicPrefix, options.topicPrefixes], ['prod-', { events: '' }]);
    assert.deepEqual(optionsOf(['--kafka-brokers', 'a:1', '--kafka-events-prefix', 'ue-']).topicPrefixes, { events: 'ue-' });
  });
});
