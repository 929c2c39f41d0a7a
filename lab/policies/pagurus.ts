// Pagurus: an idle container is not thrown away but made into a zygote that other actions may rent. Each action has private
// containers, lenders (zygotes of its own, with the packages of those it may lend to) and renters (borrowed ones).
//
// Source: Li et al., "Help Rather Than Recycle", USENIX ATC 2022, and its published code (lzjzx1122/Pagurus):
// a call asks its own private, then rented, then lent-out-able containers, then another action's lender, then starts cold;
// every 2 s the private container idle longest, if longer than the zygote time, is destroyed and one of the zygote image is
// created in its place, one lender to an action; the zygote time is 60 s, and after every 900 s the 95th percentile of the
// action's gaps once 21 calls were seen; containers idle for 900 s go; every 1800 s a lender picks the eight actions it may
// lend to among the 40 most similar by their packages (cosine), weighted by recent cold starts + 1; a new zygote is made
// 0.1 s after one was rented.
// Known differences: all actions here need the same packages, so every similarity is 1 and the draw is by cold starts alone;
// idle containers are looked at when their time has come, not every 2 s. What a rented or zygote container held is lost,
// as published: everything is loaded on the path of the call.
import { createRandom, type Random } from '../../common/random.ts';
import { percentileOf } from '../../common/statistics.ts';
import type { PolicyDefinition, PolicyInput } from './policy.ts';
import { RivalPolicy, type RivalAction, type RivalContainer } from './rival-policy.ts';

const firstZygoteMs = 60_000;
const adjustEveryMs = 900_000;
const leastCallsToAdjust = 21;
const gapPercentile = 0.95;
const lifetimeMs = 900_000;
const repackEveryMs = 1_800_000;
const rentersOfLender = 8;
const mostSimilar = 40;
const replaceAfterMs = 100;
/** Gaps remembered of an action between two adjustments. */
const mostGaps = 1000;

interface Account {
  zygoteMs: number;
  gapsMs: number[];
  calls: number;
  lastCallAt: number | undefined;
  coldStarts: number;
  /** Its zygote, or the one that is being made. */
  lender: RivalContainer | undefined;
  mayRent: ReadonlySet<RivalAction>;
  repackAt: number;
}

class Pagurus extends RivalPolicy {
  private readonly accounts = new Map<RivalAction, Account>();
  private readonly lenderOf = new Map<RivalContainer, RivalAction>();
  private readonly rented = new Set<RivalContainer>();
  private readonly random: Random;

  constructor(input: PolicyInput) {
    super(input);
    this.random = createRandom(input.seed, 'pagurus');
  }

  private accountOf(action: RivalAction): Account {
    let account = this.accounts.get(action);
    if (account === undefined) {
      account = { zygoteMs: this.input.keepAliveMs ?? firstZygoteMs, gapsMs: [], calls: 0, lastCallAt: undefined, coldStarts: 0, lender: undefined, mayRent: new Set(), repackAt: 0 };
      this.accounts.set(action, account);
      if (this.input.keepAliveMs === undefined) this.adjustLater(account);
    }
    return account;
  }

  private adjustLater(account: Account): void {
    this.at(this.now + adjustEveryMs, () => {
      if (account.calls >= leastCallsToAdjust) account.zygoteMs = percentileOf(account.gapsMs, gapPercentile) ?? account.zygoteMs;
      account.gapsMs = [];
      this.adjustLater(account);
    });
  }

  protected override onArrival(action: RivalAction): void {
    const account = this.accountOf(action);
    account.calls += 1;
    if (account.lastCallAt !== undefined && account.gapsMs.length < mostGaps) account.gapsMs.push(this.now - account.lastCallAt);
    account.lastCallAt = this.now;
  }

  protected override choose(action: RivalAction): RivalContainer | undefined {
    const { lender } = this.accountOf(action);
    return this.lastUsed(action, false) ?? this.lastUsed(action, true) ?? (lender?.phase === 'idle' ? lender : undefined) ?? this.rentable(action);
  }

  private lastUsed(action: RivalAction, isRented: boolean): RivalContainer | undefined {
    let latest: RivalContainer | undefined;
    for (const container of action.idleOwn) {
      if (this.rented.has(container) === isRented && (latest === undefined || container.lastUsedAt >= latest.lastUsedAt)) latest = container;
    }
    return latest;
  }

  /** A zygote, at random, of those that may be lent to the action. */
  private rentable(action: RivalAction): RivalContainer | undefined {
    const fitting = [...this.lenderOf].filter(
      ([container, lender]) => container.phase === 'idle' && container.memoryLimitBytes === action.memoryLimitBytes && this.mayRentOf(lender).has(action),
    );
    return fitting.length === 0 ? undefined : this.random.pick(fitting)[0];
  }

  private mayRentOf(lender: RivalAction): ReadonlySet<RivalAction> {
    const account = this.accountOf(lender);
    if (this.now >= account.repackAt) {
      account.repackAt = this.now + repackEveryMs;
      account.mayRent = this.drawRenters(lender);
    }
    return account.mayRent;
  }

  /** Weighted sampling without replacement. */
  private drawRenters(lender: RivalAction): ReadonlySet<RivalAction> {
    const similar = [...this.actions.values()].filter((other) => other !== lender).slice(0, mostSimilar);
    const drawn = new Set<RivalAction>();
    while (drawn.size < rentersOfLender && similar.length > 0) {
      const weights = similar.map((other) => this.accountOf(other).coldStarts + 1);
      let left = this.random.uniform() * weights.reduce((sum, weight) => sum + weight, 0);
      let index = 0;
      while (index < similar.length - 1 && left >= (weights[index] ?? 0)) left -= weights[index++] ?? 0;
      drawn.add(similar.splice(index, 1)[0] as RivalAction);
    }
    return drawn;
  }

  protected override onStart(container: RivalContainer, action: RivalAction): void {
    if (container.phase === 'starting') this.accountOf(action).coldStarts += 1;
    const lender = this.lenderOf.get(container);
    if (lender === undefined) return;
    this.lenderOf.delete(container);
    this.accountOf(lender).lender = undefined;
    if (lender === action) return;
    this.rented.add(container);
    this.at(this.now + replaceAfterMs, () => {
      this.makeLender(lender);
    });
  }

  protected override onIdle(container: RivalContainer, action: RivalAction | undefined): void {
    if (action === undefined) {
      if (this.lenderOf.has(container)) this.removeUnlessUsed(container, this.now + lifetimeMs);
      // Its call was served elsewhere.
      else this.remove(container, 'surplus-stem-cell');
      return;
    }
    if (this.rented.has(container)) {
      this.removeUnlessUsed(container, this.now + lifetimeMs);
      return;
    }
    const { generation } = container;
    this.at(this.now + this.accountOf(action).zygoteMs, () => {
      if (container.phase !== 'idle' || container.generation !== generation) return;
      if (this.accountOf(action).lender === undefined) {
        this.remove(container, 'keep-alive-over');
        // The new image needs the memory of the old container, which is back only once that is gone.
        this.at(this.now + replaceAfterMs, () => {
          this.makeLender(action);
        });
      } else {
        this.removeUnlessUsed(container, this.now + lifetimeMs);
      }
    });
  }

  private makeLender(action: RivalAction): void {
    const account = this.accountOf(action);
    if (account.lender !== undefined) return;
    account.lender = this.createSpare(action.memoryLimitBytes);
    if (account.lender !== undefined) this.lenderOf.set(account.lender, action);
  }

  protected override onRemoving(container: RivalContainer): void {
    this.rented.delete(container);
    const lender = this.lenderOf.get(container);
    this.lenderOf.delete(container);
    if (lender !== undefined) this.accountOf(lender).lender = undefined;
  }
}

export const pagurus: PolicyDefinition = {
  name: 'pagurus',
  title: 'Pagurus',
  source: 'Li et al., USENIX ATC 2022; lzjzx1122/Pagurus',
  looksAhead: false,
  create: (input) => new Pagurus(input),
};
