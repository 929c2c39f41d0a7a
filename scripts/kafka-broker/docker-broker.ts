// The broker as the official image, on the host's network, configured as the child process is.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { freePort } from '../../common/free-port.ts';
import { kafkaVersion } from './distribution.ts';
import { answers } from './broker.ts';

const run = promisify(execFile);
const image = `apache/kafka:${kafkaVersion}`;

/** Whether Docker is there and has the image or can get it. */
export async function imageIsThere(): Promise<boolean> {
  const has = async (args: string[], timeout: number): Promise<boolean> => run('docker', args, { timeout }).then(() => true, () => false);
  return (await has(['image', 'inspect', image], 10_000)) || ((await has(['info'], 10_000)) && (await has(['pull', image], 300_000)));
}

/** Starts a container; resolves with its name and address when the broker answers. */
export async function startContainer(): Promise<{ container: string; address: string }> {
  const [port, controllerPort] = [await freePort(), await freePort()];
  const container = `instainfer-kafka-${port}`;
  const address = `127.0.0.1:${port}`;
  const environment = {
    KAFKA_NODE_ID: '1',
    KAFKA_PROCESS_ROLES: 'broker,controller',
    KAFKA_LISTENERS: `PLAINTEXT://${address},CONTROLLER://127.0.0.1:${controllerPort}`,
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${address}`,
    KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT',
    KAFKA_CONTROLLER_QUORUM_VOTERS: `1@127.0.0.1:${controllerPort}`,
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
    KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
  };
  await run('docker', ['run', '--detach', '--name', container, '--network', 'host', ...Object.entries(environment).flatMap(([key, value]) => ['--env', `${key}=${value}`]), image]);
  const deadline = Date.now() + 120_000;
  while (!(await answers(address))) {
    if (Date.now() > deadline) {
      await removeContainer(container);
      throw new Error(`the container ${container} did not answer`);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { container, address };
}

export async function removeContainer(container: string): Promise<void> {
  await run('docker', ['rm', '--force', '--volumes', container]);
}
