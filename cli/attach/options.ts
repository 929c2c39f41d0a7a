// The settings of `instainfer attach`: the table of flags. Names of a stock deployment's environment are taken too.
import { kafkaOptionTable } from '../../common/bus/kafka/settings.ts';
import { withConfigFile } from '../../common/config-file.ts';
import { choiceOption, numberOption, textOption } from '../../common/config.ts';
import { couchOptionTable } from '../couch-options.ts';
import { wishOptions } from '../invoker/options.ts';

export const attachTable = withConfigFile({
  id: numberOption({ flag: 'id', env: 'INSTAINFER_INVOKER_ID', description: 'Number of the stock invoker on whose container engine this runs.', valueName: 'N', min: 0, max: 65_535, integer: true, defaultValue: 0 }),
  ...kafkaOptionTable,
  plans: choiceOption({ flag: 'plans', env: 'INSTAINFER_PLANS', description: 'Where plans come from: a planner of its own in this process, or the topic that `instainfer controller` writes.', choices: ['own', 'topic'], defaultValue: 'own' }),
  image: textOption({ flag: 'image', env: 'INSTAINFER_IMAGE', description: "The runtime image, as the manifest's entry names it; instainfer/action-nodejs-instainfer:latest where it is not given.", valueName: 'NAME' }),
  poll: numberOption({ flag: 'poll', env: 'INSTAINFER_POLL', description: 'Seconds between two times that each stem cell is asked whether it still is one.', valueName: 'S', min: 0.05, max: 60, defaultValue: 0.5 }),
  concurrentLoads: numberOption({ flag: 'concurrent-loads', env: 'INSTAINFER_CONCURRENT_LOADS', description: 'Loads ahead of calls that may run at once.', valueName: 'N', min: 1, max: 64, integer: true, defaultValue: 1 }),
  ...wishOptions,
  ...couchOptionTable,
  logLevel: choiceOption({ flag: 'log-level', env: 'INSTAINFER_LOG_LEVEL', description: 'What is logged, on standard error, as JSON lines.', choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'], defaultValue: 'info' }),
});
