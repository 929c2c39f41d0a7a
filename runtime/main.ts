// Starts the runtime proxy: reads the settings, builds the container, listens, and ends it on a signal. The only file
// that exits.
import './small-heap.ts';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { AppError, describeError } from '../common/errors.ts';
import { readConfig, type RuntimeConfig } from './config.ts';
import { connectionBounds, guardConnections, timeoutsOf, type AnswersBeside } from './connection-guard.ts';
import { Container } from './container.ts';
import { answerDirectly } from './handlers/direct.ts';
import { lazyApplication } from './lazy-application.ts';
import { ControlGroups, setOomScore } from './memory.ts';
import { answerPlainRuns } from './plain-runs.ts';
import { createRuntimeLog, type RuntimeLog } from './runtime-log.ts';
import { chooseSlotUsers, type SlotUsers } from './slots/slot-users.ts';

/** Bound of what an action's archive may unpack to. */
const maxArchiveBytes = 2 ** 30;

/** How long the replies to the last activations may take to leave. */
const lastRepliesMs = 100;

/** Where `build/` lies: the image's libraries are beside it. */
const imageDir = path.resolve(import.meta.dirname, '../..');

/**
 * The folder the slots work in. Node.js looks for libraries upwards from a file, so action code below it finds, after its
 * own: the SDK, what a derived image has installed in its working directory, and the image's libraries, with `require`
 * and with `import`.
 */
function makeWorkDir(): { workDir: string; slotsDir: string } {
  const workDir = makeTemporaryDir();
  const slotsDir = path.join(workDir, 'derived', 'slots');
  const sdkDir = path.join(slotsDir, 'node_modules', 'instainfer');
  mkdirSync(sdkDir, { recursive: true });
  writeFileSync(path.join(sdkDir, 'index.js'), `module.exports = require(${JSON.stringify(path.join(import.meta.dirname, 'sdk', 'index.cjs'))});\n`);
  symlinkSync(path.resolve('node_modules'), path.join(workDir, 'derived', 'node_modules'));
  symlinkSync(path.join(imageDir, 'node_modules'), path.join(workDir, 'node_modules'));
  // Whoever knows a name gets there; nobody but root sees which there are.
  for (const folder of [workDir, slotsDir]) chmodSync(folder, 0o711);
  for (const folder of [path.dirname(sdkDir), sdkDir]) chmodSync(folder, 0o755);
  chmodSync(path.join(sdkDir, 'index.js'), 0o644);
  return { workDir, slotsDir };
}

/** @throws AppError WORK_FOLDER */
function makeTemporaryDir(): string {
  try {
    return mkdtempSync(path.join(os.tmpdir(), 'instainfer-'));
  } catch (cause) {
    throw new AppError('WORK_FOLDER', `There is no folder to work in: ${describeError(cause)}.`, 'Set TMPDIR to one that the runtime may write to.', { cause });
  }
}

function versionOfPackage(): string {
  const { version } = JSON.parse(readFileSync(path.join(imageDir, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** @throws AppError SLOT_USERS */
function slotUsersOf(config: RuntimeConfig): SlotUsers {
  const readable = [process.execPath, import.meta.dirname, path.join(imageDir, 'node_modules'), os.tmpdir(), ...(config.modelStore === undefined ? [] : [config.modelStore])];
  return chooseSlotUsers({ mode: config.slotUsers, firstId: config.firstSlotUid, readable });
}

interface Surroundings {
  readonly log: RuntimeLog;
  readonly users: SlotUsers;
  readonly controlGroups: ControlGroups;
  readonly limitBytes: number;
  readonly workDir: string;
  readonly slotsDir: string;
}

function makeContainer(config: RuntimeConfig, surroundings: Surroundings): Container {
  return new Container({
    ...surroundings,
    settings: { modelStore: config.modelStore, loading: config.loading, onnxRuntime: config.onnxRuntime, evictBeforeLoad: config.cache === 'cold', maxArchiveBytes, limitBytes: surroundings.limitBytes },
    environment: {
      ...config.actionEnvironment,
      ...(config.modelStore === undefined ? {} : { INSTAINFER_MODEL_STORE: config.modelStore }),
      ORT_DISABLE_TELEMETRY: '1',
      // Without these glibc keeps what is freed: after one load of BERT-base 300 to 640 MB instead of 80.
      MALLOC_TRIM_THRESHOLD_: '131072',
      MALLOC_MMAP_THRESHOLD_: '131072',
    },
    blankSlots: config.blankSlots,
    concurrent: config.concurrent,
    version: versionOfPackage(),
  });
}

/** Resolves to the port. @throws AppError PORT_IN_USE */
function listen(server: Server, { port, host }: RuntimeConfig): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new AppError('PORT_IN_USE', `Port ${port} is in use.`, `Choose another one: PORT=${port + 1} npm run runtime`) : error);
    });
    server.listen({ port, ...(host === undefined ? {} : { host }) }, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}

async function start(): Promise<void> {
  const config = readConfig(process.env);
  setOomScore(process.pid, 'proxy');
  const users = slotUsersOf(config);
  // Only what is needed before the first answer is loaded before it; and everything before it listens, or calls would be lost.
  const log = await createRuntimeLog(config.logLevel);
  const knative = config.knative === undefined ? undefined : await import('./platforms/knative.ts');
  const controlGroups = new ControlGroups();
  const limitBytes = config.memoryLimitBytes ?? controlGroups.limitBytes;
  const bounds = connectionBounds(limitBytes);
  const server = createServer(timeoutsOf(bounds));
  let plainRuns: AnswersBeside | undefined;
  const guard = guardConnections(server, bounds, (socket) => plainRuns?.(socket));
  const port = await listen(server, config);
  const folders = makeWorkDir();
  process.once('exit', () => {
    rmSync(folders.workDir, { recursive: true, force: true });
  });
  const container = makeContainer(config, { ...folders, log, users, controlGroups, limitBytes });
  const service = knative === undefined || config.knative === undefined ? undefined : new knative.KnativeService(container, config.knative);
  server.on('request', service?.createApp(config.token) ?? answerDirectly(container, lazyApplication(container, config.token), config.token));

  // On Knative every request is a call, and its answer is the action's own.
  if (service === undefined) plainRuns = answerPlainRuns(server, (body) => container.run(body), bounds.checkEveryMs);

  let stopping = false;
  const stop = (graceMs: number, exitCode = 0): void => {
    if (stopping) return;
    stopping = true;
    void container.drain(graceMs).then(() => {
      server.close(() => {
        process.exit(exitCode);
      });
      guard.closeIdle();
      // Replies that have just been written go out first.
      setTimeout(guard.closeAll, lastRepliesMs);
    });
  };
  // Probes are answered meanwhile; the service is not ready before this is done.
  service?.prepare().catch((error: unknown) => {
    if (!stopping) fail(error);
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop(config.graceMs));
  process.on('disconnect', () => stop(0));
  // A defect of ours: what runs may finish, new work goes to a container whose state is known.
  process.on('uncaughtException', (error) => {
    process.stderr.write(`The runtime drains after an error that nobody caught: ${error.stack ?? describeError(error)}\n`);
    stop(config.graceMs, 1);
  });
  process.send?.({ type: 'listening', port });
  // Only a person at a terminal is told: in a container, every line would be taken for the action's log.
  if (process.stderr.isTTY) process.stderr.write(`The runtime listens on http://localhost:${port}. Ctrl-C ends it.\n`);
}

/** What the stock runtime exits with on a platform that it does not know. */
const unknownPlatformStatus = 9;

function fail(error: unknown): void {
  process.stderr.write(`${describeError(error)}\n`);
  process.exit(error instanceof AppError && error.code === 'PLATFORM_UNSUPPORTED' ? unknownPlatformStatus : 1);
}

start().catch(fail);
