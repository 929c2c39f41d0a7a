// `instainfer status`: what a running standalone server has, as a table or as JSON.
import Table from 'cli-table3';
import { z } from 'zod';
import { bytesPerMegabyte } from '../../common/action-document.ts';
import { shortNameOf } from '../../common/action-identity.ts';
import { readConfigFile, withConfigFile } from '../../common/config-file.ts';
import { helpText, isHelpRequested, parseOptions } from '../../common/config.ts';
import { exitCodes } from '../command.ts';
import { askServer, serverAccessTable } from '../inspect/server-access.ts';

const statusTable = withConfigFile(serverAccessTable);
const usage = 'usage: instainfer status [options]\n\nShows the containers of a running standalone server, what is resident in them, and how many actions there are.';

const bytes = z.number();
const statusSchema = z.looseObject({
  startedAt: z.number(),
  poolMemoryBytes: bytes,
  poolUsedBytes: bytes,
  waitingCount: z.number(),
  containers: z.array(
    z.looseObject({
      id: z.string(),
      phase: z.string(),
      role: z.string(),
      own: z.string().optional(),
      running: z.string().optional(),
      loading: z.string().optional(),
      memoryLimitBytes: bytes,
      usedBytes: bytes,
      residents: z.array(z.object({ action: z.string(), residentBytes: bytes, pinned: z.boolean().optional() })),
    }),
  ),
  actions: z.array(
    z.looseObject({
      qualifiedName: z.string(),
      wishes: z.looseObject({ text: z.string() }).optional(),
    }),
  ),
});

export async function runStatus(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(statusTable, usage));
    return exitCodes.ok;
  }
  const { values } = parseOptions({ table: statusTable, argv, env, file: readConfigFile(argv, env) });
  const status = await askServer(values, '/instainfer/v1/status', statusSchema);
  process.stdout.write(values.json ? `${JSON.stringify(status, null, 2)}\n` : textOf(status));
  return exitCodes.ok;
}

function textOf({ startedAt, poolMemoryBytes, poolUsedBytes, waitingCount, containers, actions }: z.infer<typeof statusSchema>): string {
  const table = new Table({ head: ['container', 'state', 'memory', 'resident'], style: { head: [], border: [] } });
  for (const { id, phase, role, own, running, loading, memoryLimitBytes, usedBytes, residents } of containers) {
    const state = running === undefined ? `${phase} ${role}${own === undefined ? '' : ` of ${shortNameOf(own)}`}` : `runs ${shortNameOf(running)}`;
    const held = [...residents.map(({ action, residentBytes, pinned }) => `${shortNameOf(action)} (${megabytes(residentBytes)}${pinned === true ? ', pinned' : ''})`), ...(loading === undefined ? [] : [`loading ${shortNameOf(loading)}`])];
    table.push([id, state, `${megabytes(usedBytes)} of ${megabytes(memoryLimitBytes)}`, held.join(', ')]);
  }
  return `up since ${new Date(startedAt).toISOString()}; ${actions.length} actions; ${megabytes(poolUsedBytes)} of ${megabytes(poolMemoryBytes)} given to containers; ${waitingCount} calls wait\n${table.toString()}\n${actions.map(({ qualifiedName, wishes }) => (wishes === undefined ? '' : `${qualifiedName}: ${wishes.text}\n`)).join('')}`;
}

function megabytes(value: number): string {
  return `${Math.round(value / bytesPerMegabyte)} MB`;
}
