import { strict as assert } from 'node:assert';
import { AppError } from '../../common/errors.ts';
import { mayWishFrom, parseStandaloneOptions } from '../standalone/options.ts';
import { parseInvokerOptions, type InvokerCommandOptions } from '../invoker/options.ts';

const least = ['--id', '0', '--kafka-brokers', 'k:9092', '--couch-host', 'db'];
const parse = (argv: string[], env: Record<string, string> = {}): InvokerCommandOptions => parseInvokerOptions(argv, env);
const refusal = (argv: string[], env: Record<string, string> = {}): string => {
  try {
    parse(argv, env);
  } catch (error) {
    assert.ok(error instanceof AppError);
    return `${error.message} ${error.fix}`;
  }
  throw new assert.AssertionError({ message: 'accepted' });
};

const manifest = JSON.stringify({
  runtimes: {
    nodejs: [
      { kind: 'nodejs:20', default: true, image: { prefix: 'openwhisk', name: 'action-nodejs-v20', tag: 'nightly' }, stemCells: [{ initialCount: 2, memory: '256 MB' }] },
      { kind: 'nodejs:instainfer', image: { registry: 'reg.example/', prefix: 'instainfer', name: 'runtime', tag: 'v1' }, stemCells: [{ count: 3, memory: '1 GB' }] },
    ],
  },
});

describe('the options of instainfer invoker', () => {
  it('are a stock invoker\'s where nothing is said', () => {
    const options = parse(least);
    assert.equal(options.scheduler.poolMemoryBytes, 2048 * 2 ** 20);
    assert.equal(options.mostInHand, 16);
    assert.deepEqual(options.couch, { baseUrl: 'http://db:5984', credentials: undefined, entities: 'whisk_local_whisks', activations: 'whisk_local_activations', subjects: 'whisk_local_subjects' });
    assert.deepEqual([options.port, options.adminCredentials, options.userEvents, options.stale], [8080, 'invoker.user:invoker.pass', false, 'run']);
  });

  it('are taken from the environment of a stock deployment', () => {
    const options = parse([], {
      INSTAINFER_INVOKER_NAME: 'invoker-3',
      KAFKA_HOSTS: 'k1:9092,k2:9092',
      CONFIG_whisk_couchdb_protocol: 'https',
      CONFIG_whisk_couchdb_host: 'couch',
      CONFIG_whisk_couchdb_port: '6984',
      CONFIG_whisk_couchdb_username: 'u',
      CONFIG_whisk_couchdb_password: 'p',
      CONFIG_whisk_couchdb_databases_WhiskEntity: 'test_whisks',
      CONFIG_whisk_userEvents_enabled: 'true',
      CONFIG_whisk_containerPool_userMemory: '4096m',
      WHISK_API_HOST_PROTO: 'https',
      WHISK_API_HOST_NAME: 'api.example',
      WHISK_API_HOST_PORT: '443',
      RUNTIMES_MANIFEST: manifest,
      PORT: '8085',
    });
    assert.equal(options.id, 3);
    assert.deepEqual(options.kafka.kafkaBrokers, ['k1:9092', 'k2:9092']);
    assert.deepEqual([options.couch?.baseUrl, options.couch?.credentials, options.couch?.entities], ['https://couch:6984', 'u:p', 'test_whisks']);
    assert.deepEqual([options.userEvents, options.apiHost, options.port], [true, 'https://api.example:443', 8085]);
    assert.equal(options.scheduler.poolMemoryBytes, 2 ** 32);
    assert.equal(options.mostInHand, 32);
    assert.deepEqual([options.image, options.scheduler.stemCellCount, options.scheduler.stemCellMemoryBytes], ['reg.example/instainfer/runtime:v1', 3, 2 ** 30]);
  });

  it('name the databases by one prefix, as a stock deployment does, or each by itself', () => {
    const namesOf = (argv: string[], env: Record<string, string> = {}): unknown[] => {
      const { entities, activations, subjects } = parse([...least, ...argv], env).couch ?? {};
      return [entities, activations, subjects];
    };
    assert.deepEqual(namesOf(['--couch-prefix', 'prod_']), ['prod_whisks', 'prod_activations', 'prod_subjects']);
    const named = { CONFIG_whisk_couchdb_databases_WhiskEntity: 'e', CONFIG_whisk_couchdb_databases_WhiskActivation: 'a', CONFIG_whisk_couchdb_databases_WhiskAuth: 's' };
    assert.deepEqual(namesOf(['--couch-prefix', 'prod_', '--couch-activations', 'records'], named), ['e', 'records', 's']);
  });

  it('let a flag win over the manifest', () => {
    const options = parse([...least, '--stem-cells', '0', '--image', 'mine'], { RUNTIMES_MANIFEST: manifest });
    assert.deepEqual([options.image, options.scheduler.stemCellCount], ['mine', 0]);
  });

  it('let the operator say what memory costs', () => {
    assert.equal(parse(least).scheduler.memoryPriceMsPerGibSecond, 1);
    assert.equal(parse([...least, '--memory-price', '0']).scheduler.memoryPriceMsPerGibSecond, 0);
  });

  it('let nobody\'s actions take from others unless the operator says whose', () => {
    const refusing = parse(least);
    assert.equal(refusing.mayWish('guest'), false);
    assert.equal(refusing.scheduler.mostPinnedShare, 0.25);
    const allowing = parse([...least, '--wishes-from', 'team1,team2', '--most-pinned-memory', '0.5']);
    assert.deepEqual(['team1', 'team2', 'guest'].map(allowing.mayWish), [true, true, false]);
    assert.equal(allowing.scheduler.mostPinnedShare, 0.5);
    const alone = (argv: string[], namespace: string): boolean => mayWishFrom(parseStandaloneOptions(argv, {}))(namespace);
    assert.equal(alone([], 'guest'), true, 'on a server of its own');
    assert.equal(alone(['--namespaces', 'guest=a:b'], 'guest'), true);
    assert.equal(alone(['--namespaces', 'team1=a:b'], 'guest'), false);
    assert.equal(alone(['--namespaces', 'team1=a:b', '--wishes-from', '*'], 'team1'), true);
  });

  it('have files read ahead at a rate, and not at all where that is 0', () => {
    assert.equal(parse(least).scheduler.readAheadBytesPerSecond, 100e6);
    assert.equal(parse([...least, '--read-ahead', '2.5']).scheduler.readAheadBytesPerSecond, 2.5e6);
    assert.equal(parse(least, { INSTAINFER_READ_AHEAD: '0' }).scheduler.readAheadBytesPerSecond, 0);
  });

  it('say what is missing', () => {
    assert.match(refusal(['--couch-host', 'db']), /no number.*--id N/);
    assert.match(refusal(['--id', '0']), /host is not given/);
    assert.match(refusal(['--id', '0', '--catalog', 'controller', '--activation-store', 'none']), /--api-host/);
    assert.match(refusal([...least, '--stem-cell-memory', '4g']), /does not fit into 2048 MB/);
    assert.match(refusal([...least, '--most-pinned-memory', '2']), /from 0 to 1/);
    assert.match(refusal([...least, '--user-memory', 'much']), /a size such as/);
    assert.match(refusal([...least, '--parameter-key-aes128', 'AAAA']), /has 3 bytes/);
    assert.match(refusal(least, { RUNTIMES_MANIFEST: '{"runtimes":[]}' }), /manifest cannot be read/);
  });

  it('need no database where neither code nor records are in it', () => {
    assert.equal(parse(['--id', '0', '--catalog', 'controller', '--api-host', 'https://a.example/', '--activation-store', 'none']).couch, undefined);
  });
});
