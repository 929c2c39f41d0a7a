// The settings of `instainfer attach`: the table of flags. Names of a stock deployment's environment are taken too.
import { kafkaOptionTable } from '../../common/bus/kafka/settings.ts';
import { withConfigFile } from '../../common/config-file.ts';
import { choiceOption, numberOption, textOption } from '../../common/config.ts';

export const attachTable = withConfigFile({
  id: numberOption({ flag: 'id', env: 'INSTAINFER_INVOKER_ID', description: 'Number of the stock invoker on whose container engine this runs.', valueName: 'N', min: 0, max: 65_535, integer: true, defaultValue: 0 }),
  ...kafkaOptionTable,
  plans: choiceOption({ flag: 'plans', env: 'INSTAINFER_PLANS', description: 'Where plans come from: a planner of its own in this process, or the topic that `instainfer controller` writes.', choices: ['own', 'topic'], defaultValue: 'own' }),
  image: textOption({ flag: 'image', env: 'INSTAINFER_IMAGE', description: "The runtime image, as the manifest's entry names it; instainfer/action-nodejs-instainfer:latest where it is not given.", valueName: 'NAME' }),
  poll: numberOption({ flag: 'poll', env: 'INSTAINFER_POLL', description: 'Seconds between two times that each stem cell is asked whether it still is one.', valueName: 'S', min: 0.05, max: 60, defaultValue: 0.5 }),
  concurrentLoads: numberOption({ flag: 'concurrent-loads', env: 'INSTAINFER_CONCURRENT_LOADS', description: 'Loads ahead of calls that may run at once.', valueName: 'N', min: 1, max: 64, integer: true, defaultValue: 1 }),
  couchProtocol: choiceOption({ flag: 'couch-protocol', env: 'INSTAINFER_COUCH_PROTOCOL', envAliases: ['CONFIG_whisk_couchdb_protocol'], description: 'How CouchDB is spoken to.', choices: ['http', 'https'], defaultValue: 'http' }),
  couchHost: textOption({ flag: 'couch-host', env: 'INSTAINFER_COUCH_HOST', envAliases: ['CONFIG_whisk_couchdb_host'], description: 'Its host: actions are read there, to know what they declare.', valueName: 'HOST' }),
  couchPort: numberOption({ flag: 'couch-port', env: 'INSTAINFER_COUCH_PORT', envAliases: ['CONFIG_whisk_couchdb_port'], description: 'Its port.', valueName: 'N', min: 1, max: 65_535, integer: true, defaultValue: 5984 }),
  couchUser: textOption({ flag: 'couch-user', env: 'INSTAINFER_COUCH_USER', envAliases: ['CONFIG_whisk_couchdb_username'], description: 'Its user.', valueName: 'NAME' }),
  couchPassword: textOption({ flag: 'couch-password', env: 'INSTAINFER_COUCH_PASSWORD', envAliases: ['CONFIG_whisk_couchdb_password'], description: "The user's password; a command line is seen by everybody, the environment is not.", valueName: 'TEXT' }),
  couchEntities: textOption({ flag: 'couch-entities', env: 'INSTAINFER_COUCH_ENTITIES', envAliases: ['CONFIG_whisk_couchdb_databases_WhiskEntity'], description: 'Database of the actions; whisk_local_whisks where it is not given.', valueName: 'NAME' }),
  logLevel: choiceOption({ flag: 'log-level', env: 'INSTAINFER_LOG_LEVEL', description: 'What is logged, on standard error, as JSON lines.', choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'], defaultValue: 'info' }),
});
