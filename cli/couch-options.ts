// How the commands are told of CouchDB: the part of their tables that says where it is, and the catalog of actions in it.
// Names of a stock deployment's environment are taken too.
import { choiceOption, numberOption, textOption, type OptionValues } from '../common/config.ts';
import { CouchCatalog } from '../invoker-plugin/stores/couch-catalog.ts';
import type { HttpTarget } from '../invoker-plugin/stores/http-json.ts';

export const couchOptionTable = {
  couchProtocol: choiceOption({ flag: 'couch-protocol', env: 'INSTAINFER_COUCH_PROTOCOL', envAliases: ['CONFIG_whisk_couchdb_protocol'], description: 'How CouchDB is spoken to.', choices: ['http', 'https'], defaultValue: 'http' }),
  couchHost: textOption({ flag: 'couch-host', env: 'INSTAINFER_COUCH_HOST', envAliases: ['CONFIG_whisk_couchdb_host'], description: 'Its host; actions are read there.', valueName: 'HOST' }),
  couchPort: numberOption({ flag: 'couch-port', env: 'INSTAINFER_COUCH_PORT', envAliases: ['CONFIG_whisk_couchdb_port'], description: 'Its port.', valueName: 'N', min: 1, max: 65_535, integer: true, defaultValue: 5984 }),
  couchUser: textOption({ flag: 'couch-user', env: 'INSTAINFER_COUCH_USER', envAliases: ['CONFIG_whisk_couchdb_username'], description: 'Its user.', valueName: 'NAME' }),
  couchPassword: textOption({ flag: 'couch-password', env: 'INSTAINFER_COUCH_PASSWORD', envAliases: ['CONFIG_whisk_couchdb_password'], description: "The user's password; a command line is seen by everybody, the environment is not.", valueName: 'TEXT' }),
  couchPrefix: textOption({ flag: 'couch-prefix', env: 'INSTAINFER_COUCH_PREFIX', description: "What the names of the deployment's databases begin with (ansible's db_prefix); whisk_local_ where it is not given.", valueName: 'TEXT' }),
  couchEntities: textOption({ flag: 'couch-entities', env: 'INSTAINFER_COUCH_ENTITIES', envAliases: ['CONFIG_whisk_couchdb_databases_WhiskEntity'], description: 'Database of the actions; the prefix and whisks where it is not given.', valueName: 'NAME' }),
};
export type CouchOptions = OptionValues<typeof couchOptionTable>;

/** The databases that an invoker uses beside that of the actions. */
export const couchDatabaseTable = {
  couchActivations: textOption({ flag: 'couch-activations', env: 'INSTAINFER_COUCH_ACTIVATIONS', envAliases: ['CONFIG_whisk_couchdb_databases_WhiskActivation'], description: 'Database of the activations; the prefix and activations where it is not given.', valueName: 'NAME' }),
  couchSubjects: textOption({ flag: 'couch-subjects', env: 'INSTAINFER_COUCH_SUBJECTS', envAliases: ['CONFIG_whisk_couchdb_databases_WhiskAuth'], description: 'Database of the subjects, for the blocked namespaces; the prefix and subjects where it is not given.', valueName: 'NAME' }),
};

/** How long an answer of the database is waited for. */
export const storeTimeoutMs = 10_000;
/** Code of actions that is kept in memory. */
export const catalogCacheBytes = 256 * 1024 * 1024;
const stockPrefix = 'whisk_local_';

/** Names of the databases, as a stock deployment derives them from one prefix, or each as given. */
export function databasesOf({ couchPrefix = stockPrefix, couchEntities, couchActivations, couchSubjects }: Pick<CouchOptions, 'couchPrefix' | 'couchEntities'> & Partial<OptionValues<typeof couchDatabaseTable>>): { readonly entities: string; readonly activations: string; readonly subjects: string } {
  return { entities: couchEntities ?? `${couchPrefix}whisks`, activations: couchActivations ?? `${couchPrefix}activations`, subjects: couchSubjects ?? `${couchPrefix}subjects` };
}

/** Where CouchDB is, and its database of actions; undefined where no host is given. */
export function couchTargetOf(options: CouchOptions): { readonly couch: HttpTarget; readonly entities: string } | undefined {
  const { couchProtocol, couchHost, couchPort, couchUser, couchPassword } = options;
  if (couchHost === undefined) return undefined;
  const credentials = couchUser === undefined ? undefined : `${couchUser}:${couchPassword ?? ''}`;
  return { couch: { baseUrl: `${couchProtocol}://${couchHost}:${couchPort}`, credentials, timeoutMs: storeTimeoutMs }, entities: databasesOf(options).entities };
}

/** The actions in CouchDB; undefined where no host is given. */
export function couchCatalogOf(options: CouchOptions): CouchCatalog | undefined {
  const target = couchTargetOf(options);
  return target === undefined ? undefined : new CouchCatalog({ couch: target.couch, database: target.entities, cacheBytes: catalogCacheBytes });
}
