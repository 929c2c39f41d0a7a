// A store that follows a list on a schedule.
import { strict as assert } from 'node:assert';
import { writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { eventually } from '../../../common/testing/eventually.ts';
import { readManifest } from '../../../runtime/model-store/manifest.ts';
import { tinyModel } from '../../../runtime/model-store/tiny-model.ts';
import { runModelsCommand } from '../../zoo/command.ts';
import { useTemporaryFolder } from '../../zoo/testing/temporary-folder.ts';
import { syncModels, type Round } from '../sync-models.ts';

const onceAYear = '0 0 1 1 *';
const everySecond = '* * * * * *';

describe('syncing models', function () {
  this.timeout(60_000);
  const inFolder = useTemporaryFolder();
  let count = 0;
  let directory: string;
  let listFile: string;
  let rounds: Round[];
  let stop: AbortController;
  let running: Promise<void>;

  beforeEach(() => {
    count += 1;
    [directory, listFile] = [inFolder(`store-${count}`), inFolder(`list-${count}.json`)];
    rounds = [];
    stop = new AbortController();
  });
  afterEach(async () => {
    stop.abort();
    await running;
  });

  const list = (...names: readonly string[]): Promise<void> => writeFile(listFile, JSON.stringify({ models: names.map((name) => ({ name, url: pathToFileURL(inFolder(`${name}.onnx`)).href })) }));
  const begin = (schedule: string, retryDelaysMs: readonly number[] = []): void => {
    running = syncModels({ directory, listFile, schedule, retryDelaysMs, env: {}, effort: 'quick', maxBytes: 1e8, signal: stop.signal, onRound: (round) => rounds.push(round) });
  };
  const names = async (): Promise<string[]> => (await readManifest(directory).catch(() => ({ models: [] }))).models.map(({ name }) => name).sort();

  it('brings what the list says at once, and what is added to it when the schedule comes', async () => {
    for (const name of ['first', 'second']) await writeFile(inFolder(`${name}.onnx`), tinyModel);
    await list('first');
    begin(everySecond);
    await eventually(() => rounds.length > 0, 'the first round', 20_000);
    assert.deepEqual(rounds[0], { pulled: 1, skipped: 0, failures: [] });
    await list('first', 'second');
    await eventually(async () => (await names()).length === 2, 'the second model', 20_000);
    await eventually(() => rounds.at(-1)?.skipped === 2, 'a round without work', 20_000);
  });

  it('brings the others where one cannot be had, and tries that one again before the schedule comes', async () => {
    await writeFile(inFolder('there.onnx'), tinyModel);
    await list('late', 'there');
    begin(onceAYear, [50, 50, 50, 50, 50, 50, 50, 50, 50, 50]);
    await eventually(() => rounds.length > 0, 'the first round', 20_000);
    assert.deepEqual(await names(), ['there']);
    assert.match(rounds[0]?.failures[0] ?? '', /late@1: .*late\.onnx cannot be read/);
    await writeFile(inFolder('late.onnx'), tinyModel);
    await eventually(async () => (await names()).length === 2, 'the late model', 20_000);
    await eventually(() => rounds.at(-1)?.failures.length === 0, 'a round without a failure', 20_000);
  });

  it('goes on where the list cannot be read for a while', async () => {
    await writeFile(listFile, '{"models": [');
    begin(everySecond);
    await eventually(() => rounds.length > 0, 'the first round', 20_000);
    assert.match(rounds[0]?.failures[0] ?? '', /cannot be read, or is not JSON/);
    await writeFile(inFolder('after.onnx'), tinyModel);
    await list('after');
    await eventually(async () => (await names()).length === 1, 'the model', 20_000);
  });

  it('refuses a schedule that is none, and no list', async () => {
    running = Promise.resolve();
    assert.equal(await runModelsCommand(['sync', '--list', listFile, '--schedule', 'now and then', '--dir', directory]), 1);
    assert.equal(await runModelsCommand(['sync', '--dir', directory]), 1);
  });
});
