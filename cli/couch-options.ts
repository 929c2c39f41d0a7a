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
  couchEntities: textOption({ flag: 'couch-entities', env: 'INSTAINFER_COUCH_ENTITIES', envAliases: ['CONFIG_whisk_couchdb_databases_WhiskEntity'], description: 'Database of the actions; whisk_local_whisks where it is not given.', valueName: 'NAME' }),
};
export type CouchOptions = OptionValues<typeof couchOptionTable>;

/** How long an answer of the database is waited for. */
export const storeTimeoutMs = 10_000;
/** Code of actions that is kept in memory. */
export const catalogCacheBytes = 256 * 1024 * 1024;
const stockEntities = 'whisk_local_whisks';

/** Where CouchDB is, and its database of actions; undefined where no host is given. */
export function couchTargetOf({ couchProtocol, couchHost, couchPort, couchUser, couchPassword, couchEntities }: CouchOptions): { readonly couch: HttpTarget; readonly entities: string } | undefined {
  if (couchHost === undefined) return undefined;
  const credentials = couchUser === undefined ? undefined : `${couchUser}:${couchPassword ?? ''}`;
  return { couch: { baseUrl: `${couchProtocol}://${couchHost}:${couchPort}`, credentials, timeoutMs: storeTimeoutMs }, entities: couchEntities ?? stockEntities };
}

/** The actions in CouchDB; undefined where no host is given. */
export function couchCatalogOf(options: CouchOptions): CouchCatalog | undefined {
  const target = couchTargetOf(options);
  return target === undefined ? undefined : new CouchCatalog({ couch: target.couch, database: target.entities, cacheBytes: catalogCacheBytes });
}
