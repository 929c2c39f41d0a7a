// The classes of arrivals that traces are made of, each a process that tells when the next call comes. Pure and seeded.
import type { Random } from '../../common/random.ts';

export const arrivalClasses = ['poisson', 'bursty', 'periodic', 'diurnal', 'flash'] as const;
/**
 * `poisson`: no memory (CV 1). `bursty`: bursts and long pauses, a Markov-modulated Poisson process that is silent in one of
 * its two states (CV about 4.9). `periodic`: a timer with jitter (CV about 0.06). `diurnal`: Poisson with a rate that rises
 * and falls once over the trace. `flash`: Poisson, and once a crowd of twenty times as many.
 */
export type ArrivalClass = (typeof arrivalClasses)[number];

/** Returns the time of the first arrival after `afterMs`; to be asked with times that never fall. */
export type ArrivalProcess = (afterMs: number) => number;

export interface ProcessInput {
  /** Mean arrivals per ms over the whole trace. */
  readonly ratePerMs: number;
  /** Length of the trace: one period of `diurnal`, and where `flash` has its crowd. */
  readonly durationMs: number;
  readonly random: Random;
}

/** Share of the time that a bursty function is in a burst, and mean calls of a burst. C² = 1 + 2·12·(1 − 0.02)² = 24. */
const burstShare = 0.02;
const callsPerBurst = 12;
/** A period is off by up to this share of itself, either way. */
const jitterShare = 0.1;
/** The rate of a diurnal function swings by this share around its mean. */
const swing = 0.8;
/** How much more comes in a flash crowd, and for which share of the trace. */
const crowdFactor = 20;
const crowdShare = 0.05;

const processes: Readonly<Record<ArrivalClass, (input: ProcessInput) => ArrivalProcess>> = { poisson, bursty, periodic, diurnal, flash };

export function arrivalProcess(arrivalClass: ArrivalClass, input: ProcessInput): ArrivalProcess {
  return processes[arrivalClass](input);
}

function poisson({ ratePerMs, random }: ProcessInput): ArrivalProcess {
  return (afterMs) => afterMs + random.exponential(1 / ratePerMs);
}

function bursty({ ratePerMs, random }: ProcessInput): ArrivalProcess {
  const gapMs = burstShare / ratePerMs;
  const burstMs = callsPerBurst * gapMs;
  const pauseMs = (burstMs * (1 - burstShare)) / burstShare;
  // Begins in the middle of its life: in a burst with the share of time that it is in one.
  let burstEndsAt = random.uniform() < burstShare ? random.exponential(burstMs) : 0;
  return (afterMs) => {
    let at = afterMs;
    for (;;) {
      at += random.exponential(gapMs);
      if (at < burstEndsAt) return at;
      at = burstEndsAt + random.exponential(pauseMs);
      burstEndsAt = at + random.exponential(burstMs);
    }
  };
}

function periodic({ ratePerMs, random }: ProcessInput): ArrivalProcess {
  const periodMs = 1 / ratePerMs;
  let dueAt = random.uniformBetween(-periodMs, 0);
  return (afterMs) => {
    for (;;) {
      dueAt += periodMs;
      const at = dueAt + random.uniformBetween(-jitterShare, jitterShare) * periodMs;
      if (at > afterMs) return at;
    }
  };
}

function diurnal({ ratePerMs, durationMs, random }: ProcessInput): ArrivalProcess {
  return thinned(random, ratePerMs * (1 + swing), (atMs) => ratePerMs * (1 - swing * Math.cos((2 * Math.PI * atMs) / durationMs)));
}

function flash({ ratePerMs, durationMs, random }: ProcessInput): ArrivalProcess {
  const crowdMs = crowdShare * durationMs;
  const beginsAt = random.uniformBetween(0.2, 0.8) * durationMs;
  const quietRate = ratePerMs / (1 + (crowdFactor - 1) * crowdShare);
  return thinned(random, quietRate * crowdFactor, (atMs) => (atMs >= beginsAt && atMs < beginsAt + crowdMs ? crowdFactor : 1) * quietRate);
}

/** A Poisson process of changing rate: drawn at the largest rate, kept with the share that the rate is of it (Lewis and Shedler, 1979). */
function thinned(random: Random, largestRate: number, rateAt: (atMs: number) => number): ArrivalProcess {
  return (afterMs) => {
    let at = afterMs;
    do at += random.exponential(1 / largestRate);
    while (random.uniform() * largestRate > rateAt(at));
    return at;
  };
}
