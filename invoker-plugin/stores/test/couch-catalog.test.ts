// The catalog of actions in CouchDB: what it says of many actions at once.
import { strict as assert } from 'node:assert';
import { AppError } from '../../../common/errors.ts';
import { CouchStandIn } from '../../testing/couch-stand-in.ts';
import { CouchCatalog } from '../couch-catalog.ts';

describe('the catalog in CouchDB', () => {
  let couch: CouchStandIn;
  let catalog: CouchCatalog;

  beforeEach(async () => {
    couch = new CouchStandIn();
    catalog = new CouchCatalog({ couch: { baseUrl: await couch.start(), credentials: couch.credentials, timeoutMs: 5000 }, database: 'whisks', cacheBytes: 1000 });
  });
  afterEach(() => couch.stop());

  it('says of many actions which revision each has, in one request', async () => {
    const there = couch.put('whisks', 'guest/there', {});
    const package_ = couch.put('whisks', 'guest/vision/there', {});
    couch.put('whisks', 'guest/deleted', {});
    couch.delete('whisks', 'guest/deleted');
    const revisions = await catalog.revisionsOf(['guest/there', 'guest/deleted', 'guest/never', 'guest/vision/there']);
    assert.deepEqual([...revisions], [['guest/there', there], ['guest/deleted', undefined], ['guest/never', undefined], ['guest/vision/there', package_]]);
    assert.deepEqual(couch.requests, ['POST /whisks/_all_docs']);
  });

  it('never takes a database that is missing or does not answer for one without actions', async () => {
    for (const status of [404, 401, 500]) {
      couch.fault = () => status;
      await assert.rejects(catalog.revisionsOf(['guest/there']), (error) => error instanceof AppError && error.code === 'CATALOG_UNAVAILABLE');
    }
  });
});
