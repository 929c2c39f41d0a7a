// The metrics: what is exposed, what docs/metrics.md and the dashboard say is exposed, and that the numbers are true.
import { strict as assert } from 'node:assert';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { eventually } from '../../common/testing/eventually.ts';
import { ServedSystem } from '../testing/served-system.ts';

const docs = path.resolve(import.meta.dirname, '../../../docs');

interface Family {
  readonly type: string;
  readonly labels: ReadonlySet<string>;
  readonly samples: readonly { readonly name: string; readonly labels: string; readonly value: number }[];
}

/** The families of a text in Prometheus' format, by name. */
function familiesOf(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  for (const block of text.split('# HELP ').slice(1)) {
    const [, name = '', type = ''] = /^(\S+) .*\n# TYPE \S+ (\w+)/.exec(block) ?? [];
    const samples = [...block.matchAll(/^(\w+)(?:\{(.*)\})? (\S+)$/gm)].map(([, sample = '', labels = '', value = '']) => ({ name: sample, labels, value: Number(value) }));
    const labels = new Set(samples.flatMap(({ labels: text }) => [...text.matchAll(/(\w+)="/g)].map(([, label = '']) => label)).filter((label) => label !== 'le'));
    families.set(name, { type, labels, samples });
  }
  return families;
}

describe('the metrics of a standalone server', function () {
  this.timeout(60_000);
  let served: ServedSystem;

  before(async () => {
    served = await ServedSystem.start();
    await served.create('echo', 'function main(p) { if (p.fail) throw new Error("x"); return p; }');
    for (const body of [{}, {}, { fail: true }]) await served.call('/namespaces/_/actions/echo?blocking=true', { method: 'POST', body });
  });
  after(() => served.stop());

  const read = async (): Promise<Map<string, Family>> => {
    const response = await fetch(`${served.address}/metrics`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/);
    return familiesOf(await response.text());
  };

  it('count activations by how they started and how they ended', async () => {
    const { samples = [] } = (await read()).get('instainfer_activations_total') ?? {};
    assert.equal(samples.reduce((sum, { value }) => sum + value, 0), 3);
    assert.equal(samples.find(({ labels }) => labels.includes('action developer error'))?.value, 1);
    assert.ok(samples.some(({ labels }) => labels.includes('start="warm"')));
    const startups = ((await read()).get('instainfer_startup_seconds')?.samples ?? []).filter(({ name }) => name.endsWith('_count'));
    assert.equal(startups.reduce((sum, { value }) => sum + value, 0), 3);
  });

  it('tell the memory that may be given, and what is', async () => {
    const valueOf = async (name: string): Promise<number> => (await read()).get(name)?.samples[0]?.value ?? Number.NaN;
    assert.equal(await valueOf('instainfer_pool_limit_bytes'), served.system.schedulerConfig.poolMemoryBytes);
    // The container whose action has failed is being replaced meanwhile.
    await eventually(async () => (await valueOf('instainfer_pool_used_bytes')) === served.system.schedulerState.poolUsedBytes, 'the same figure from both');
    assert.equal(await valueOf('instainfer_known_actions'), 1);
  });

  it('name no action and no namespace', async () => {
    const text = await (await fetch(`${served.address}/metrics`)).text();
    assert.doesNotMatch(text, /echo|guest/);
  });

  it('are the ones that docs/metrics.md lists, with their types and labels', async () => {
    const families = await read();
    const document = readFileSync(path.join(docs, 'metrics.md'), 'utf8');
    const listed = new Map([...document.matchAll(/^\| `(instainfer_\w+)` \| (\w+) \| (.*?) \|/gm)].map(([, name = '', type = '', labels = '']) => [name, { type, labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label = '']) => label) }]));
    assert.deepEqual([...listed.keys()].sort(), [...families.keys()].sort());
    for (const [name, { type, labels }] of families) {
      assert.equal(listed.get(name)?.type, type, name);
      for (const label of labels) assert.ok(listed.get(name)?.labels.includes(label), `${name} has the label ${label}`);
    }
  });

  it('are all that the dashboard asks for', async () => {
    const families = await read();
    const exposed = new Set([...families].flatMap(([name, { type }]) => (type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name])));
    const dashboard = JSON.parse(readFileSync(path.join(docs, 'grafana-dashboard.json'), 'utf8')) as { panels: { title: string; targets: { expr: string }[] }[] };
    const asked = new Set(dashboard.panels.flatMap(({ targets }) => targets.flatMap(({ expr }) => expr.match(/instainfer_\w+/g) ?? [])));
    assert.deepEqual([...asked].filter((name) => !exposed.has(name)), []);
    // And nothing that is exposed is on no panel.
    const shown = [...families.keys()].filter((name) => ![...asked].some((one) => one.startsWith(name)));
    assert.deepEqual(shown, ['instainfer_known_actions', 'instainfer_histories_kept_at_seconds']);
  });
});
