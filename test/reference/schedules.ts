/** PyTorch's learning-rate schedules as it works them out: from one time to the next. Each gives the rates of times 0 … n−1. */

type Rates = (base: number, n: number) => number[];

/** A first rate, and each further one from the time, counted from 1, and the one before. */
function recursion(first: number, n: number, next: (t: number, rate: number) => number): number[] {
  const rates = [first];
  for (let t = 1; t < n; t++) rates.push(next(t, rates[t - 1]!));
  return rates;
}

export const stepLR =
  (stepSize: number, gamma: number): Rates =>
  (base, n) =>
    recursion(base, n, (t, rate) => (t % stepSize === 0 ? rate * gamma : rate));

export const multiStepLR =
  (milestones: readonly number[], gamma: number): Rates =>
  (base, n) =>
    recursion(base, n, (t, rate) => (milestones.includes(t) ? rate * gamma : rate));

export const exponentialLR =
  (gamma: number): Rates =>
  (base, n) =>
    recursion(base, n, (_, rate) => rate * gamma);

export const cosineAnnealingLR =
  (tMax: number, etaMin: number): Rates =>
  (base, n) =>
    recursion(base, n, (t, rate) => {
      if ((t - 1 - tMax) % (2 * tMax) === 0) return rate + ((base - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2;
      const ratio = (1 + Math.cos((Math.PI * t) / tMax)) / (1 + Math.cos((Math.PI * (t - 1)) / tMax));
      return ratio * (rate - etaMin) + etaMin;
    });

export const cosineAnnealingWarmRestarts =
  (t0: number, tMult: number, etaMin: number): Rates =>
  (base, n) => {
    let [current, period] = [0, t0];
    const rate = () => etaMin + ((base - etaMin) * (1 + Math.cos((Math.PI * current) / period))) / 2;
    return recursion(rate(), n, () => {
      current++;
      if (current >= period) [current, period] = [current - period, period * tMult];
      return rate();
    });
  };

export const linearLR =
  (startFactor: number, endFactor: number, totalIters: number): Rates =>
  (base, n) =>
    recursion(base * startFactor, n, (t, rate) => {
      if (t > totalIters) return rate;
      return rate * (1 + (endFactor - startFactor) / (totalIters * startFactor + (t - 1) * (endFactor - startFactor)));
    });

interface OneCycle {
  maxLr: number;
  totalSteps: number;
  pctStart?: number;
  annealStrategy?: "cosine" | "linear";
  divFactor?: number;
  finalDivFactor?: number;
  threePhase?: boolean;
}

export function oneCycleLR({ maxLr, totalSteps, pctStart = 0.3, annealStrategy = "cosine", ...rest }: OneCycle): Rates {
  const { divFactor = 25, finalDivFactor = 1e4, threePhase = false } = rest;
  const initial = maxLr / divFactor;
  const least = initial / finalDivFactor;
  const rise = { end: pctStart * totalSteps - 1, from: initial, to: maxLr };
  const phases = threePhase
    ? [
        rise,
        { end: 2 * pctStart * totalSteps - 2, from: maxLr, to: initial },
        { end: totalSteps - 1, from: initial, to: least },
      ]
    : [rise, { end: totalSteps - 1, from: maxLr, to: least }];
  const between = (from: number, to: number, share: number) =>
    annealStrategy === "linear" ? (to - from) * share + from : to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1);
  return (_, n) =>
    Array.from({ length: n }, (_, t) => {
      let start = 0;
      for (const { end, from, to } of phases) {
        if (t <= end || end === totalSteps - 1) return between(from, to, (t - start) / (end - start));
        start = end;
      }
      return NaN;
    });
}

interface Plateau {
  factor?: number;
  patience?: number;
  threshold?: number;
  thresholdMode?: "relative" | "absolute";
  cooldown?: number;
  minLr?: number;
  eps?: number;
}

/** Rates after each of the losses. */
export function reduceLROnPlateau(base: number, losses: readonly number[], options: Plateau): number[] {
  const { factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = "relative" } = options;
  const { cooldown = 0, minLr = 0, eps = 1e-8 } = options;
  let [rate, best, bad, cooling] = [base, Infinity, 0, 0];
  return losses.map((loss) => {
    const bound = thresholdMode === "relative" ? best * (1 - threshold) : best - threshold;
    if (loss < bound) [best, bad] = [loss, 0];
    else bad++;
    if (cooling > 0) [cooling, bad] = [cooling - 1, 0];
    if (bad > patience) {
      const reduced = Math.max(rate * factor, minLr);
      if (rate - reduced > eps) rate = reduced;
      [cooling, bad] = [cooldown, 0];
    }
    return rate;
  });
}
