// Where the broker's program comes from: the jars of Apache Kafka with what they depend on, resolved by Maven into a cache
// folder, and a Java runtime that is installed.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../../common/errors.ts';

const run = promisify(execFile);

/** Runs on Java 17 and later. */
export const kafkaVersion = '4.3.1';
const log4jVersion = '2.25.3';

const root = path.resolve(import.meta.dirname, '../../..');

/** What `scripts/kafka` keeps: the jars, the data of the running broker, and where it listens. */
export const cacheFolder = path.join(root, '.cache/kafka');

export function jarFolder(): string {
  return path.join(cacheFolder, `jars-${kafkaVersion}`);
}

export function jarsAreCached(): boolean {
  return existsSync(jarFolder());
}

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>instainfer</groupId><artifactId>kafka-broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${kafkaVersion}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>${log4jVersion}</version></dependency>
  </dependencies>
</project>
`;

/** Fetches the jars unless they are cached. @throws {AppError} when Maven or Java is missing or cannot get them */
export async function ensureJars(): Promise<void> {
  if (jarsAreCached()) return;
  await mkdir(cacheFolder, { recursive: true });
  const work = path.join(cacheFolder, `fetching-${process.pid}`);
  await mkdir(work, { recursive: true });
  try {
    await writeFile(path.join(work, 'pom.xml'), pom);
    const goals = ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${path.join(work, 'jars')}`, '-DincludeScope=runtime'];
    await run('mvn', goals, { cwd: work, maxBuffer: 16 * 2 ** 20 });
    // In one step, so that whoever finds the folder finds it whole; another process may have been faster.
    await rename(path.join(work, 'jars'), jarFolder()).catch((error: unknown) => {
      if (!jarsAreCached()) throw error;
    });
  } catch (error) {
    throw new AppError('BROKER_UNAVAILABLE', `The jars of Kafka ${kafkaVersion} could not be fetched with Maven.`, 'Install a Java 17 runtime and Maven, and see that Maven reaches its repository.', { cause: error });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
