// Tells when a scheduler, or several of them together, has nothing under way: every action deployed, every command but activations answered.
import type { ActionKey } from '../../common/action-identity.ts';
import type { SchedulerCommand } from '../../invoker-plugin/core/commands.ts';
import type { SchedulerEvent } from '../../invoker-plugin/core/events.ts';

/** The command an event answers, as a key; undefined for events that answer none. */
function answeredBy(event: SchedulerEvent): string[] {
  switch (event.type) {
    case 'containerStarted':
      return [`createContainer ${event.containerId}`];
    case 'containerRemoved':
      return [`createContainer ${event.containerId}`, `removeContainer ${event.containerId}`, `cleanContainer ${event.containerId}`];
    case 'containerCleaned':
      return [`cleanContainer ${event.containerId}`];
    case 'loadSucceeded':
    case 'loadFailed':
      return [`load ${event.containerId} ${event.actionKey}`];
    case 'offloadCompleted':
      return [`offload ${event.containerId} ${event.actionKey}`];
    default:
      return [];
  }
}

function keyOf(command: SchedulerCommand): string | undefined {
  switch (command.type) {
    case 'createContainer':
    case 'removeContainer':
    case 'cleanContainer':
      return `${command.type} ${command.containerId}`;
    case 'load':
    case 'offload':
      return `${command.type} ${command.containerId} ${command.actionKey}`;
    default:
      return undefined;
  }
}

export class Settling {
  private readonly outstanding = new Set<string>();
  private readonly expectedDeployments: number;
  private readonly deployed = new Set<ActionKey>();
  private waiters: (() => void)[] = [];

  /** @param expectedDeployments how many actions have to be known before anything counts as settled */
  constructor(expectedDeployments: number) {
    this.expectedDeployments = expectedDeployments;
  }

  observe(event: SchedulerEvent, commands: readonly SchedulerCommand[]): void {
    if (event.type === 'actionDeployed') this.deployed.add(event.actionKey);
    for (const key of answeredBy(event)) this.outstanding.delete(key);
    for (const command of commands) {
      const key = keyOf(command);
      if (key !== undefined) this.outstanding.add(key);
    }
    if (this.isSettled) for (const resolve of this.waiters.splice(0)) resolve();
  }

  get isSettled(): boolean {
    return this.deployed.size >= this.expectedDeployments && this.outstanding.size === 0;
  }

  /** Resolves when settled; at once when it is already. */
  settled(): Promise<void> {
    if (this.isSettled) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }
}
