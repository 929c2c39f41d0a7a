// What a replay needs of the invokers it is played to, wherever they run.
import type { ActionDocument } from '../../common/action-document.ts';
import type { Clock } from '../../common/clock.ts';
import type { Logger } from '../../common/logger.ts';
import type { User } from '../../common/messages/identity.ts';
import type { PreloaderConfig } from '../../controller-plugin/core/config.ts';
import type { EmbeddedController } from '../../controller-plugin/embedded/controller.ts';
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerConfig } from '../../invoker-plugin/core/config.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';
import type { Container } from '../../invoker-plugin/core/container.ts';
import type { LoadEstimate } from '../../common/load-estimate.ts';
import type { ContainerSettings } from './containers.ts';
import type { MeasuredActivation } from './replay.ts';

export interface StageOptions {
  readonly actions: readonly ActionDocument[];
  readonly scheduler: SchedulerConfig;
  readonly preloader: PreloaderConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly containers: ContainerSettings;
  /** Environment of the runtime containers: model store, loading form, cache. */
  readonly environment: Readonly<Record<string, string>>;
  readonly estimate: (action: ActionDocument) => LoadEstimate;
  readonly onFinished: (activation: MeasuredActivation) => void;
  readonly onStep: (step: ObservedStep) => void;
}

/** A step of one invoker's scheduler, and the containers it has after it. */
export interface ObservedStep {
  readonly invoker: number;
  readonly event: SchedulerEvent;
  readonly commands: readonly SchedulerCommand[];
  readonly containers: readonly Container[];
}

export interface Stage {
  readonly controller: EmbeddedController;
  /** Starts all parts, so that actions can be deployed and called. */
  start(): Promise<void>;
  /** Resolves when every action that was deployed is known everywhere and no load is under way. */
  settled(): Promise<void>;
  /** Ends all parts; no container is left. */
  close(): Promise<void>;
}

/** The demo's caller; the key is a name, not a secret: nothing checks it. */
export const demoUser: User = {
  subject: 'guest',
  namespace: { name: 'guest', uuid: '00000000-0000-4000-8000-000000000000' },
  authkey: { api_key: 'demo' },
  rights: ['ACTIVATE'],
  limits: {},
};
