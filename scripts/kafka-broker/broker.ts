// One Apache Kafka node in KRaft mode as a child process: started on free ports with a data folder of its own, stopped,
// killed and started again on the same ports and data.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { AppError } from '../../common/errors.ts';
import { jarFolder } from './distribution.ts';

const run = promisify(execFile);

/** How long a node may take until it answers, on a busy machine. */
const startTimeoutMs = 120_000;
const keystorePassword = 'test-only';

export interface BrokerOptions {
  /** Holds configuration, data and log; created, and removed by {@link KafkaBroker.remove}. */
  readonly folder: string;
  /** A listener with SASL/PLAIN for this user. */
  readonly sasl?: { readonly username: string; readonly password: string };
  /** A TLS listener with a certificate of its own for `localhost`. */
  readonly ssl?: boolean;
  /** Further lines of server.properties. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Lives on when this process ends. */
  readonly detached?: boolean;
}

/** `host:port` of each listener. */
export interface BrokerAddresses {
  readonly plain: string;
  readonly sasl: string;
  readonly ssl: string;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Resolves when the node at `address` answers; rejects when `isAlive` says that it never will. */
async function untilItAnswers(address: string, isAlive: () => boolean): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  for (;;) {
    if (await answers(address)) return;
    if (!isAlive() || Date.now() > deadline) throw new Error(`no answer from ${address}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Whether a broker answers there. */
export async function answers(address: string): Promise<boolean> {
  const admin = new Kafka({ brokers: [address], logLevel: logLevel.NOTHING, connectionTimeout: 2_000, retry: { retries: 0 } }).admin();
  try {
    await admin.connect();
    await admin.listTopics();
    return true;
  } catch {
    return false;
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

/** Kills the child when this process ends before it. */
function endWithThisProcess(child: ChildProcess): void {
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', kill);
  child.once('exit', () => {
    process.removeListener('exit', kill);
  });
}

export class KafkaBroker {
  readonly addresses: BrokerAddresses;
  private readonly options: BrokerOptions;
  private readonly controllerPort: number;
  private child: ChildProcess | undefined;

  private constructor(options: BrokerOptions, addresses: BrokerAddresses, controllerPort: number) {
    this.options = options;
    this.addresses = addresses;
    this.controllerPort = controllerPort;
  }

  /** Starts a fresh node; resolves when it answers. */
  static async start(options: BrokerOptions): Promise<KafkaBroker> {
    const [plain, sasl, ssl, controller] = (await freePorts(4)) as [number, number, number, number];
    const broker = new KafkaBroker(options, { plain: `127.0.0.1:${plain}`, sasl: `127.0.0.1:${sasl}`, ssl: `localhost:${ssl}` }, controller);
    await mkdir(options.folder, { recursive: true });
    await broker.configure();
    await broker.start();
    return broker;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** PEM text of the certificate of the TLS listener. */
  certificate(): Promise<string> {
    return readFile(path.join(this.options.folder, 'certificate.pem'), 'utf8');
  }

  /** Starts the node again, on its ports and data. */
  async start(): Promise<void> {
    const log = openSync(path.join(this.options.folder, 'broker.log'), 'a');
    const child = spawn('java', ['-Xms128m', '-Xmx512m', ...this.classPath(), 'kafka.Kafka', this.file('server.properties')], {
      stdio: ['ignore', log, log],
      detached: this.options.detached === true,
    });
    this.child = child;
    child.once('error', () => undefined);
    if (this.options.detached === true) child.unref();
    else endWithThisProcess(child);
    try {
      await untilItAnswers(this.addresses.plain, () => child.pid !== undefined && child.exitCode === null && child.signalCode === null);
    } catch (error) {
      child.kill('SIGKILL');
      throw new AppError('BROKER_UNAVAILABLE', 'The Kafka broker did not start.', `See ${this.file('broker.log')}; it needs a Java 17 runtime.`, { cause: error });
    }
  }

  /** Ends the node in order, or at once with SIGKILL; resolves when the process is gone. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const { child } = this;
    if (child === undefined) return;
    this.child = undefined;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  }

  /** Ends the node and removes its folder. */
  async remove(): Promise<void> {
    await this.stop('SIGKILL');
    await rm(this.options.folder, { recursive: true, force: true });
  }

  private file(name: string): string {
    return path.join(this.options.folder, name);
  }

  private classPath(): string[] {
    return ['-Dlog4j2.configurationFile=' + this.file('log4j2.properties'), '-cp', path.join(jarFolder(), '*')];
  }

  private async configure(): Promise<void> {
    const logging = ['status=error', 'appender.console.type=Console', 'appender.console.name=console', 'appender.console.layout.type=PatternLayout', 'appender.console.layout.pattern=%d %p %c{1} %m%n', 'rootLogger.level=warn', 'rootLogger.appenderRef.console.ref=console'];
    await writeFile(this.file('log4j2.properties'), logging.join('\n'));
    if (this.options.ssl === true) await this.createCertificate();
    const properties = Object.entries({ ...this.properties(), ...this.options.properties });
    await writeFile(this.file('server.properties'), properties.map(([key, value]) => `${key}=${value}\n`).join(''));
    const clusterId = 'instainferTestCluster1';
    await run('java', [...this.classPath(), 'kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', this.file('server.properties')]);
  }

  private properties(): Record<string, string> {
    const { plain, sasl, ssl } = this.addresses;
    const listeners = [`PLAINTEXT://${plain}`];
    if (this.options.sasl !== undefined) listeners.push(`SASL_PLAINTEXT://${sasl}`);
    if (this.options.ssl === true) listeners.push(`SSL://${ssl}`);
    return {
      'process.roles': 'broker,controller',
      'node.id': '1',
      'controller.quorum.voters': `1@127.0.0.1:${this.controllerPort}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      listeners: [...listeners, `CONTROLLER://127.0.0.1:${this.controllerPort}`].join(','),
      'advertised.listeners': listeners.join(','),
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT',
      'log.dirs': this.file('data'),
      // As OpenWhisk's own deployment has it: whoever reads a topic first creates it.
      'auto.create.topics.enable': 'false',
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '1',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'share.coordinator.state.topic.replication.factor': '1',
      'share.coordinator.state.topic.min.isr': '1',
      // A group of one need not wait for others.
      'group.initial.rebalance.delay.ms': '0',
      ...(this.options.sasl === undefined
        ? {}
        : {
            'sasl.enabled.mechanisms': 'PLAIN',
            'listener.name.sasl_plaintext.plain.sasl.jaas.config': `org.apache.kafka.common.security.plain.PlainLoginModule required user_${this.options.sasl.username}="${this.options.sasl.password}";`,
          }),
      ...(this.options.ssl === true ? { 'ssl.keystore.location': this.file('keystore.p12'), 'ssl.keystore.password': keystorePassword, 'ssl.keystore.type': 'PKCS12' } : {}),
    };
  }

  private async createCertificate(): Promise<void> {
    const store = ['-keystore', this.file('keystore.p12'), '-storetype', 'PKCS12', '-storepass', keystorePassword, '-alias', 'broker'];
    await run('keytool', ['-genkeypair', ...store, '-keyalg', 'RSA', '-keysize', '2048', '-validity', '2', '-dname', 'CN=localhost', '-ext', 'SAN=dns:localhost,ip:127.0.0.1']);
    await run('keytool', ['-exportcert', ...store, '-rfc', '-file', this.file('certificate.pem')]);
  }
}
