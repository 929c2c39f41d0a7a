// The settings of `instainfer attach`: the table of flags. Names of a stock deployment's environment are taken too.
import { kafkaOptionTable } from '../../common/bus/kafka/settings.ts';
import { withConfigFile } from '../../common/config-file.ts';
import { choiceOption, numberOption, textOption } from '../../common/config.ts';
import { couchOptionTable } from '../couch-options.ts';
import { concurrentLoadsOption, modelStoreOption, readAheadOption, wishOptions } from '../scheduling-options.ts';

export const attachTable = withConfigFile({
  id: numberOption({ flag: 'id', env: 'INSTAINFER_INVOKER_ID', description: 'Number of the stock invoker on whose container engine this runs.', valueName: 'N', min: 0, max: 65_535, integer: true, defaultValue: 0 }),
  ...kafkaOptionTable,
  plans: choiceOption({ flag: 'plans', env: 'INSTAINFER_PLANS', description: 'Where plans come from: a planner of its own in this process, or the topic that `instainfer controller` writes.', choices: ['own', 'topic'], defaultValue: 'own' }),
  image: textOption({ flag: 'image', env: 'INSTAINFER_IMAGE', description: "The runtime image, as the manifest's entry names it; instainfer/action-nodejs-instainfer:latest where it is not given.", valueName: 'NAME' }),
  poll: numberOption({ flag: 'poll', env: 'INSTAINFER_POLL', description: 'Seconds between two times that each stem cell is asked whether it still is one.', valueName: 'S', min: 0.05, max: 60, defaultValue: 0.5 }),
  ...wishOptions,
  concurrentLoads: concurrentLoadsOption,
  readAhead: readAheadOption,
  modelStore: modelStoreOption('Folder on this host of the model store that the containers have mounted: how large its models are, before they have been measured.'),
  ...couchOptionTable,
  logLevel: choiceOption({ flag: 'log-level', env: 'INSTAINFER_LOG_LEVEL', description: 'What is logged, on standard error, as JSON lines.', choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'], defaultValue: 'info' }),
});
