// `instainfer deploy`: packages the folder of an action and creates it, or updates it, on an OpenWhisk: a standalone server or
// any other.
import { z } from 'zod';
import { packageAction } from '../../actions/package-action.ts';
import { readConfigFile, withConfigFile } from '../../common/config-file.ts';
import { helpText, isHelpRequested, parseOptions, textOption } from '../../common/config.ts';
import { AppError } from '../../common/errors.ts';
import { exitCodes } from '../command.ts';
import { askServer, serverAccessTable, serverAddressOf } from '../inspect/server-access.ts';

const deployTable = withConfigFile({
  folder: textOption({ flag: 'folder', env: 'INSTAINFER_FOLDER', description: 'Folder of the action, with index.js, package.json and instainfer.json, or the name of one in actions/.', valueName: 'DIR' }),
  name: textOption({ flag: 'name', env: 'INSTAINFER_ACTION', description: 'Name of the action; that of its package.json where it is not given.', valueName: 'NAME' }),
  kind: textOption({ flag: 'kind', env: 'INSTAINFER_KIND', description: 'Kind of its runtime; nodejs:instainfer where it is not given.', valueName: 'KIND' }),
  ...serverAccessTable,
});
const usage = 'usage: instainfer deploy --folder DIR [options]\n\nCreates the action of a folder, or updates it, and says how it is called.';

const deployedSchema = z.looseObject({ namespace: z.string(), version: z.string() });

export async function runDeploy(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(deployTable, usage));
    return exitCodes.ok;
  }
  const { values } = parseOptions({ table: deployTable, argv, env, file: readConfigFile(argv, env) });
  if (values.folder === undefined) throw new AppError('BAD_OPTION', '--folder is missing.', 'For example: instainfer deploy --folder ./my-model');
  const packaged = await packageAction(values.folder);
  const name = values.name ?? packaged.name;
  const route = `/api/v1/namespaces/_/actions/${encodeURIComponent(name)}`;
  const { namespace, version } = await askServer(values, `${route}?overwrite=true`, deployedSchema, {
    method: 'PUT',
    body: { exec: { kind: values.kind ?? 'nodejs:instainfer', code: packaged.zip.toString('base64'), binary: true }, annotations: packaged.annotations, limits: { memory: packaged.memoryLimitMegabytes } },
  });
  const url = `${serverAddressOf(values)}${route}`;
  process.stdout.write(values.json ? `${JSON.stringify({ name, namespace, version, url })}\n` : `${namespace}/${name} ${version} is deployed: POST ${url}?blocking=true&result=true\n`);
  return exitCodes.ok;
}
