// What the demo and its child processes say to each other. Activations, plans and heartbeats go over Kafka; this is only
// how a part is told what it is, and how its measurements come back.
import type { ActionDocument } from '../../common/action-document.ts';
import type { PreloaderConfig } from '../../controller-plugin/core/config.ts';
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import type { Container } from '../../invoker-plugin/core/container.ts';
import type { LoadEstimate } from '../../common/load-estimate.ts';
import type { ContainerSettings } from '../live/containers.ts';
import type { MeasuredActivation } from '../live/replay.ts';

export interface BrokerPlace {
  readonly brokers: readonly string[];
  /** Before every topic of this run: what an earlier run left is not read. */
  readonly topicPrefix: string;
}

export interface InvokerTask extends BrokerPlace {
  readonly part: 'invoker';
  readonly instance: number;
  readonly actions: readonly ActionDocument[];
  readonly estimates: ReadonlyMap<string, LoadEstimate>;
  readonly scheduler: SchedulerConfig;
  readonly containers: ContainerSettings;
  readonly environment: Readonly<Record<string, string>>;
  readonly publishEvents: boolean;
  /** Whether every step of the scheduler and every answered activation is sent back. */
  readonly reports: boolean;
  readonly logLevel: string;
}

export interface PlannerTask extends BrokerPlace {
  readonly part: 'planner';
  readonly invokers: readonly number[];
  readonly actions: readonly ActionDocument[];
  readonly config: PreloaderConfig;
  readonly logLevel: string;
}

export interface InvokerStep {
  readonly event: SchedulerEvent;
  readonly commands: readonly SchedulerCommand[];
  readonly containers: readonly Container[];
}

export type ToPart = { readonly type: 'start'; readonly task: InvokerTask | PlannerTask } | { readonly type: 'stop' };
export type FromPart =
  | { readonly type: 'ready' }
  | { readonly type: 'finished'; readonly activation: MeasuredActivation }
  | ({ readonly type: 'step' } & InvokerStep)
  | { readonly type: 'failed'; readonly reason: string };
