// What the planner tells Prometheus.
import { Counter, Gauge, Registry } from 'prom-client';
import type { Preloader } from './preloader.ts';

/** What is asked of a planner when it is scraped. */
export type MeasuredPlanner = Pick<Preloader, 'arrivals' | 'lag' | 'view'>;

/** Reads the planner when it is scraped; nothing is counted twice. */
export function createPlannerMetrics(preloader: MeasuredPlanner): Registry {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  };
  new Gauge({
    name: 'instainfer_observer_lag_records',
    help: 'Records published and not observed yet, by topic.',
    labelNames: ['topic'],
    registers,
    async collect() {
      this.reset();
      for (const [topic, lag] of await preloader.lag()) this.set({ topic }, lag);
    },
  });
  new Gauge({
    name: 'instainfer_invoker_healthy',
    help: '1 for an invoker whose heartbeat is heard and that takes work, else 0.',
    labelNames: ['invoker'],
    registers,
    collect() {
      this.reset();
      for (const [invoker, { wasHealthy }] of preloader.view.state.invokers) this.set({ invoker: String(invoker) }, wasHealthy ? 1 : 0);
    },
  });
  gauge('instainfer_known_actions', 'Actions whose history is remembered.', () => preloader.view.state.histories.size);
  gauge('instainfer_plans_waiting', 'Plans that wait to be published.', () => preloader.view.plansWaiting);
  gauge('instainfer_histories_kept_at_seconds', 'Up to when everything observed was kept, in seconds since the epoch; 0 before the first time.', () => (preloader.view.historiesKeptAt ?? 0) / 1000);
  const total = (name: string, help: string, read: () => ReadonlyMap<string, number> | number): void => {
    new Counter({
      name,
      help,
      labelNames: ['topic'],
      registers,
      collect() {
        this.reset();
        const now = read();
        if (typeof now === 'number') this.inc(now);
        else for (const [topic, count] of now) this.inc({ topic }, count);
      },
    });
  };
  total('instainfer_arrivals_observed_total', 'Arrivals observed since the start.', () => preloader.arrivals);
  total('instainfer_plans_published_total', 'Plans published since the start.', () => preloader.view.plansPublished);
  total('instainfer_observer_unreadable_records_total', 'Records that the planner could not read and skipped, by topic.', () => preloader.view.unreadable);
  return registry;
}
