// InstaInfer as its published code does it, its defects included where they decide who is loaded where.
//
// Source: IntelliSys-Lab/InstaInfer f4a3a24, ContainerPool.scala and ContainerProxy.scala; the predictor is in
// instainfer-code-windows.ts. A container idle for its keep-alive becomes a zygote for twice as long. Only zygotes are loaded
// into: when one appears, every model that the table does not list, each 0.1 to 2.1 s later; when a zygote is taken, what it
// held, elsewhere. A model goes to the zygote with most room (of 2047 MB, whatever the limit); where none has room, models of
// least expected saved latency are counted out across all zygotes until one has, and only the last of them is off-loaded. A
// model that found no place is listed all the same and never tried again. λ is learnt only when a zygote is taken, and the
// probability is that of a call within one minute. A timed load is sent only where the histogram's pre-warm window is not 0.
// Keep-alive is one figure for all, that of the call before. A call prefers its own container, then the listed one whose list
// is smallest, whether the model is there by now or not.
// Known differences: loads into one container run one after the other, not at once; a zygote's own model stays resident (the
// code loads it anew after each run); a model listed where it does not fit is refused instead of overrunning the container's
// memory; all in favour of the original. The clock's minute begins at a
// seeded moment. See instainfer-code-windows.ts for the 240th call.
import { createRandom, type Random } from '../../common/random.ts';
import { CodePredictor, type CodeWindows } from './instainfer-code-windows.ts';
import type { PolicyDefinition, PolicyInput } from './policy.ts';
import { RivalPolicy, type RivalAction, type RivalContainer } from './rival-policy.ts';

const minuteMs = 60_000;
const assumedCapacityBytes = 2047 * 2 ** 20;
const firstKeepAliveMinutes = 10;
/** The literals that every model begins with. */
const firstLambda = 0.1;
const firstSavedMs = 100;

/** One line of the table: a copy of what was known of the model when it was assigned. */
interface Listed {
  readonly action: RivalAction;
  readonly lambda: number;
  readonly savedMs: number;
}

/** Under this name the code lists models that found no container. */
const nowhere = 'null';

export class InstaInferCode extends RivalPolicy {
  protected override readonly keepsResidents = false;
  private readonly random: Random;
  private readonly phaseMs: number;
  private readonly predictors = new Map<RivalAction, CodePredictor>();
  private readonly windows = new Map<RivalAction, CodeWindows>();
  private readonly models = new Map<RivalAction, Listed>();
  private readonly called = new Set<RivalAction>();
  private readonly zygotes = new Map<string, RivalContainer>();
  private readonly table = new Map<string, Listed[]>();
  private readonly wantedIn = new Map<RivalContainer, RivalAction[]>();
  private readonly keepAliveOf = new Map<RivalContainer, number>();
  private keepAliveMinutes = firstKeepAliveMinutes;

  constructor(input: PolicyInput) {
    super(input);
    this.random = createRandom(input.seed, 'instainfer-code');
    this.phaseMs = this.random.uniformBetween(0, minuteMs);
  }

  protected override onDeployed(action: RivalAction): void {
    this.models.set(action, { action, lambda: firstLambda, savedMs: firstSavedMs });
  }

  protected override onArrival(action: RivalAction): void {
    let predictor = this.predictors.get(action);
    if (predictor === undefined) {
      predictor = new CodePredictor();
      this.predictors.set(action, predictor);
    }
    this.windows.set(action, predictor.called(Math.floor((this.now + this.phaseMs) / minuteMs)));
    this.called.add(action);
  }

  protected override choose(action: RivalAction): RivalContainer | undefined {
    return this.ownIdle(action) ?? this.listedFor(action);
  }

  /** The listed container whose models are smallest together; undefined where that one is not idle, whatever others there are. */
  private listedFor(action: RivalAction): RivalContainer | undefined {
    let bestId: string | undefined;
    let leastBytes = Number.POSITIVE_INFINITY;
    for (const [id, listed] of this.table) {
      if (!listed.some((line) => line.action === action)) continue;
      const bytes = listed.reduce((sum, line) => sum + line.action.residentBytes, 0);
      if (bytes < leastBytes) [bestId, leastBytes] = [id, bytes];
    }
    const container = bestId === undefined ? undefined : this.containers.get(bestId);
    return container?.phase === 'idle' && container.memoryLimitBytes === action.memoryLimitBytes ? container : undefined;
  }

  protected override onCreated(container: RivalContainer): void {
    this.keepAliveOf.set(container, this.input.keepAliveMs ?? this.keepAliveMinutes * minuteMs);
  }

  protected override onStart(container: RivalContainer, action: RivalAction): void {
    this.keepAliveMinutes = this.windows.get(action)?.keepAliveMinutes ?? this.keepAliveMinutes;
    this.wantedIn.delete(container);
    if (this.zygotes.delete(container.id)) this.zygoteTaken(container, action);
  }

  private zygoteTaken(container: RivalContainer, action: RivalAction): void {
    const model = this.models.get(action);
    if (model !== undefined) this.models.set(action, { ...model, lambda: this.windows.get(action)?.lambda ?? 0 });
    this.updateModels();
    const own = this.models.get(action);
    const others = (this.table.get(container.id) ?? []).filter((line) => !isSame(line, own));
    this.table.delete(container.id);
    for (const line of others) this.assignLater(line, true);
  }

  /** `updateAllModelParameters(1)`: the value of each model at its present λ, for one minute. */
  private updateModels(): void {
    for (const [action, model] of this.models) this.models.set(action, { ...model, savedMs: (1 - Math.exp(-model.lambda)) * action.loadMs });
  }

  protected override onIdle(container: RivalContainer, action: RivalAction | undefined): void {
    if (action === undefined) {
      this.remove(container, 'surplus-stem-cell');
      return;
    }
    this.table.delete(container.id);
    const windows = this.windows.get(action);
    if (windows !== undefined && windows.prewarmMinutes !== 0) this.loadTimed(action, windows);
    const { generation } = container;
    this.at(this.now + (this.keepAliveOf.get(container) ?? 0), () => {
      if (container.phase === 'idle' && container.generation === generation) this.becomeZygote(container);
    });
  }

  private loadTimed(action: RivalAction, { preloadMinutes }: CodeWindows): void {
    this.at(this.now + Math.max(0, preloadMinutes) * minuteMs, () => {
      const model = this.models.get(action);
      if (this.zygotes.size === 0 || model === undefined) return;
      const id = this.binPack(model);
      this.sendLoad(id, action);
      const listed = this.table.get(id) ?? [];
      if (!listed.some((line) => line.action === action)) this.table.set(id, [...listed, model]);
    });
  }

  private becomeZygote(container: RivalContainer): void {
    this.zygotes.set(container.id, container);
    this.table.set(container.id, []);
    const everyLine = [...this.table.values()].flat();
    for (const model of this.models.values()) {
      if (!everyLine.some((line) => isSame(line, model))) this.assignLater(model, false);
    }
    this.updateModels();
    this.expireLater(container);
  }

  /** The zygote's window; each load sent to it begins it anew. */
  private expireLater(container: RivalContainer): void {
    container.generation += 1;
    const { generation } = container;
    this.at(this.now + 2 * (this.keepAliveOf.get(container) ?? 0), () => {
      if (container.phase === 'idle' && container.generation === generation) this.remove(container, 'zygote-window-over');
    });
  }

  private assignLater(model: Listed, listsNowhere: boolean): void {
    this.at(this.now + this.random.uniformBetween(100, 2100), () => {
      if (this.zygotes.size === 0) return;
      const id = this.binPack(model);
      if (id === nowhere && !listsNowhere) return;
      this.table.set(id, [...(this.table.get(id) ?? []), model]);
      this.sendLoad(id, model.action);
    });
  }

  /** The id of the container that the model goes to, or {@link nowhere}. Off-loads one model where it has to. */
  private binPack(model: Listed): string {
    const room = new Map([...this.zygotes.keys()].map((id) => [id, assumedCapacityBytes]));
    const queue: { readonly line: Listed; readonly id: string }[] = [];
    for (const [id, listed] of this.table) {
      const capacity = room.get(id);
      if (capacity === undefined) continue;
      room.set(id, capacity - listed.reduce((sum, line) => sum + line.action.residentBytes, 0));
      for (const line of listed) queue.push({ line, id });
    }
    const size = model.action.residentBytes;
    for (const [id, bytes] of [...room].sort(([, left], [, right]) => right - left)) {
      if (this.table.get(id)?.some((line) => line.action === model.action) !== true && bytes >= size) return id;
    }
    queue.sort((left, right) => left.line.savedMs - right.line.savedMs);
    for (const { line, id } of queue) {
      if (line.savedMs >= model.savedMs) break;
      room.set(id, (room.get(id) ?? 0) + line.action.residentBytes);
      if ((room.get(id) ?? 0) < size) continue;
      this.table.set(id, (this.table.get(id) ?? []).filter((other) => !isSame(other, line)));
      this.sendOffload(id, line.action);
      return id;
    }
    return nowhere;
  }

  /** A model whose action was never called cannot be loaded: the code has no message to load it with. */
  private sendLoad(id: string, action: RivalAction): void {
    const container = this.zygotes.get(id);
    if (container === undefined || !this.called.has(action)) return;
    this.wantedIn.set(container, [...(this.wantedIn.get(container) ?? []), action]);
    this.loadNext(container);
    this.expireLater(container);
  }

  private sendOffload(id: string, action: RivalAction): void {
    const container = this.zygotes.get(id);
    if (container === undefined) return;
    const wanted = this.wantedIn.get(container);
    if (wanted !== undefined) this.wantedIn.set(container, wanted.filter((other) => other !== action));
    this.offload(container, action);
  }

  private loadNext(container: RivalContainer): void {
    const wanted = this.wantedIn.get(container) ?? [];
    while (container.loading === undefined) {
      const next = wanted.shift();
      if (next === undefined) return;
      this.load(container, next);
    }
  }

  protected override onLoaded(container: RivalContainer): void {
    if (container.phase === 'idle') this.loadNext(container);
  }

  protected override onRemoving(container: RivalContainer): void {
    const wasZygote = this.zygotes.delete(container.id);
    const listed = this.table.get(container.id) ?? [];
    this.table.delete(container.id);
    this.wantedIn.delete(container);
    this.keepAliveOf.delete(container);
    if (wasZygote && container.action !== undefined) this.moveElsewhere(listed, container.action);
  }

  /** What a zygote held when it goes: placed elsewhere, to be off-loaded when the off-load window of its own action is over. */
  private moveElsewhere(listed: readonly Listed[], own: RivalAction): void {
    const windows = this.windows.get(own);
    const offloadMinutes = windows === undefined ? 0 : windows.offloadMinutes - windows.keepAliveMinutes;
    if (offloadMinutes <= 0) return;
    for (const line of listed) {
      if (this.zygotes.size === 0) return;
      const id = this.binPack(line);
      this.table.set(id, [...(this.table.get(id) ?? []), line]);
      this.sendLoad(id, line.action);
      this.at(this.now + offloadMinutes * minuteMs, () => {
        const there = this.table.get(id);
        if (there?.some((other) => other.action === line.action) !== true) return;
        this.sendOffload(id, line.action);
        this.table.set(id, there.filter((other) => !isSame(other, line)));
      });
    }
  }
}

/** Scala compares case classes by all their fields: a copy whose λ has changed since is another model. */
function isSame(left: Listed, right: Listed | undefined): boolean {
  return left.action === right?.action && left.lambda === right.lambda && left.savedMs === right.savedMs;
}

export const instaInferCode: PolicyDefinition = {
  name: 'instainfer-code',
  title: 'InstaInfer, as its code does',
  source: 'IntelliSys-Lab/InstaInfer f4a3a24',
  looksAhead: false,
  create: (input) => new InstaInferCode(input),
};
