// The settings of `instainfer controller`: the table of flags.
import { kafkaOptionTable } from '../../common/bus/kafka/settings.ts';
import { withConfigFile } from '../../common/config-file.ts';
import { choiceOption, numberOption, switchOption, textOption } from '../../common/config.ts';
import { defaultPreloaderConfig } from '../../controller-plugin/core/config.ts';
import { couchOptionTable } from '../couch-options.ts';
import { arrivalSources } from '../../controller-plugin/observer/observer.ts';

export const controllerTable = withConfigFile({
  ...kafkaOptionTable,
  ...couchOptionTable,
  arrivals: choiceOption({ flag: 'arrivals', env: 'INSTAINFER_ARRIVALS', description: "Where calls are counted: on the invokers' topics as they arrive, or in the user events once they have ended.", choices: arrivalSources, defaultValue: 'topics' }),
  placement: switchOption({ flag: 'placement', env: 'INSTAINFER_PLACEMENT', description: 'Whether plans name the invokers that a stock controller sends an action to, so that only those prepare for it.', defaultValue: true }),
  loadProbability: numberOption({ flag: 'load-probability', env: 'INSTAINFER_LOAD_PROBABILITY', description: 'A load is due once the next call has become this likely.', valueName: 'P', min: 0.001, max: 0.999, defaultValue: defaultPreloaderConfig.loadProbability }),
  offloadProbability: numberOption({ flag: 'offload-probability', env: 'INSTAINFER_OFFLOAD_PROBABILITY', description: 'Artifacts are expendable once the next call should have come with this probability.', valueName: 'P', min: 0.001, max: 0.999, defaultValue: defaultPreloaderConfig.offloadProbability }),
  containerWindows: switchOption({ flag: 'container-windows', env: 'INSTAINFER_CONTAINER_WINDOWS', description: 'Whether plans carry pre-warm and keep-alive windows.', defaultValue: defaultPreloaderConfig.planContainerWindows }),
  mostActions: numberOption({ flag: 'most-actions', env: 'INSTAINFER_MOST_ACTIONS', description: 'Actions remembered at once; 20 000 with a week each take less than 100 MB.', valueName: 'N', min: 1, max: 1_000_000, integer: true, defaultValue: defaultPreloaderConfig.mostActions }),
  keepEvery: numberOption({ flag: 'keep-every', env: 'INSTAINFER_KEEP_EVERY', description: 'Seconds between two times that what is known is kept on Kafka.', valueName: 'S', min: 1, max: 3600, defaultValue: 5 }),
  port: numberOption({ flag: 'port', env: 'INSTAINFER_CONTROLLER_PORT', description: 'Port of its HTTP server (/healthz, /metrics, /rates); 0 takes any that is free.', valueName: 'N', min: 0, max: 65_535, integer: true, defaultValue: 9096 }),
  host: textOption({ flag: 'host', env: 'INSTAINFER_CONTROLLER_HOST', description: 'Address the server listens on; this machine alone where it is not given.', valueName: 'ADDRESS' }),
  logLevel: choiceOption({ flag: 'log-level', env: 'INSTAINFER_LOG_LEVEL', description: 'What is logged, on standard error, as JSON lines.', choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'], defaultValue: 'info' }),
});
