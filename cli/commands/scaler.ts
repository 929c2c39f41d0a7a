// `instainfer scaler`: the Scaler service as a process. It puts the parts together, says where it listens, and ends on a signal.
import { SystemClock } from '../../common/clock.ts';
import { readConfigFile } from '../../common/config-file.ts';
import { helpText, isHelpRequested, parseOptions } from '../../common/config.ts';
import { createLogger } from '../../common/logger.ts';
import { Fleet } from '../../scaler/fleet.ts';
import { GrpcPlatform } from '../../scaler/platform.ts';
import { scalerPolicy } from '../../scaler/policies.ts';
import { listen, shutDown } from '../../scaler/rpc.ts';
import { createScalerServer } from '../../scaler/server.ts';
import { exitCodes } from '../command.ts';
import { scalerTable } from '../scaler/options.ts';
import { signalled } from '../signalled.ts';

const usage = `usage: instainfer scaler [options]

Serves Assign and Idle of the cloud-native contest's Scaler task (package serverless.simulator) and decides when its platform
makes and destroys slots. Every slot that it asked for is destroyed when it ends.`;

export async function runScaler(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (isHelpRequested(argv)) {
    process.stdout.write(helpText(scalerTable, usage));
    return exitCodes.ok;
  }
  const { values } = parseOptions({ table: scalerTable, argv, env, file: readConfigFile(argv, env) });
  const stopped = signalled();
  const platform = new GrpcPlatform(values.platform ?? '127.0.0.1:50051');
  const fleet = new Fleet({ policy: scalerPolicy(values.policy, values.keepAlive * 1000), platform, clock: new SystemClock(), logger: createLogger('scaler', values.logLevel) });
  const server = createScalerServer(fleet);
  try {
    const address = values.address ?? '127.0.0.1:9001';
    const port = await listen(server, address);
    process.stdout.write(`the scaler is ready: ${address.slice(0, address.lastIndexOf(':'))}:${port}\n`);
    await stopped;
    return exitCodes.ok;
  } finally {
    await fleet.close();
    await shutDown(server);
    platform.close();
  }
}
