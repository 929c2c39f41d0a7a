// The settings of `instainfer scaler` and `instainfer scaler-replay`.
import { withConfigFile } from '../../common/config-file.ts';
import { choiceOption, listOption, numberOption, textOption } from '../../common/config.ts';
import { scalerPolicyNames } from '../../scaler/policies.ts';

const keepAlive = numberOption({ flag: 'keep-alive', env: 'INSTAINFER_SCALER_KEEP_ALIVE', description: 'Seconds that an idle instance is kept before the gaps between requests tell what costs the score least: a tenth to four times of that.', valueName: 'S', min: 0.1, max: 3600, defaultValue: 600 });
const logLevel = choiceOption({ flag: 'log-level', env: 'INSTAINFER_LOG_LEVEL', description: 'What is logged, on standard error, as JSON lines.', choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'], defaultValue: 'warn' });

export const scalerTable = withConfigFile({
  address: textOption({ flag: 'address', env: 'INSTAINFER_SCALER_ADDRESS', description: 'HOST:PORT it listens on; 127.0.0.1:9001 where it is not given.', valueName: 'HOST:PORT' }),
  platform: textOption({ flag: 'platform', env: 'INSTAINFER_SCALER_PLATFORM', description: 'HOST:PORT of the platform that makes slots; 127.0.0.1:50051 where it is not given.', valueName: 'HOST:PORT' }),
  policy: choiceOption({ flag: 'policy', env: 'INSTAINFER_SCALER_POLICY', description: 'Who decides: this project, or the reference (an instance is kept for five minutes).', choices: scalerPolicyNames, defaultValue: 'ours' }),
  keepAlive,
  logLevel,
});

export const scalerReplayTable = withConfigFile({
  metas: textOption({ flag: 'metas', env: 'INSTAINFER_SCALER_METAS', description: 'File of the applications of a data set; without one, a data set is made.', valueName: 'FILE' }),
  requests: textOption({ flag: 'requests', env: 'INSTAINFER_SCALER_REQUESTS', description: 'File of its requests.', valueName: 'FILE' }),
  minutes: numberOption({ flag: 'minutes', env: 'INSTAINFER_SCALER_MINUTES', description: 'Length of a made data set.', valueName: 'N', min: 1, max: 1440, integer: true, defaultValue: 60 }),
  copies: numberOption({ flag: 'copies', env: 'INSTAINFER_SCALER_COPIES', description: 'Applications of each kind in a made data set.', valueName: 'N', min: 1, max: 1000, integer: true, defaultValue: 2 }),
  seeds: numberOption({ flag: 'seeds', env: 'INSTAINFER_SCALER_SEEDS', description: 'How many data sets are made, with the seeds from 1 on.', valueName: 'N', min: 1, max: 1000, integer: true, defaultValue: 10 }),
  policies: listOption({ flag: 'policies', env: 'INSTAINFER_SCALER_POLICIES', description: `Who is replayed to on virtual time: ${scalerPolicyNames.join(', ')}; both where it is not given.`, valueName: 'NAME,NAME' }),
  scaler: textOption({ flag: 'scaler', env: 'INSTAINFER_SCALER_UNDER_TEST', description: 'Instead: a scaler over gRPC at this HOST:PORT, in real time.', valueName: 'HOST:PORT' }),
  platformAddress: textOption({ flag: 'platform-address', env: 'INSTAINFER_SCALER_PLATFORM_ADDRESS', description: 'With --scaler: where the platform listens for it; 127.0.0.1:50051 where it is not given.', valueName: 'HOST:PORT' }),
  create: numberOption({ flag: 'create', env: 'INSTAINFER_SCALER_CREATE', description: 'Milliseconds that a slot takes to be made.', valueName: 'MS', min: 0, max: 60_000, defaultValue: 300 }),
  keepAlive,
  logLevel,
});
