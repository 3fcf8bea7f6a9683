import { expectInteger, expectNumber, expectOptions } from "./validate.ts";

/**
 * A mean of the parameters over the course of training, beside the parameters themselves. `decay`: the exponential moving
 * average, mean = decay·mean + (1 − decay)·parameters after each step (EMA). `from`: the mean over the ends of all epochs from
 * that one on, counted from 0 (stochastic weight averaging, SWA).
 */
export type Averaging =
  { readonly decay: number; readonly from?: undefined } | { readonly from: number; readonly decay?: undefined };

export function checkAveraging(averaging: Averaging | undefined): Averaging | undefined {
  if (averaging === undefined) return undefined;
  expectOptions("averaging", averaging, ["decay", "from"]);
  const { decay, from } = averaging;
  if ((decay === undefined) === (from === undefined)) {
    throw new TypeError('"averaging" takes "decay" for a moving average, or "from" for the mean from that epoch on');
  }
  if (decay === undefined) return { from: expectInteger("averaging.from", from, 0) };
  return { decay: expectNumber("averaging.decay", decay, 0, 1, { below: true }) };
}

/**
 * The weight that the parameters get in the mean after a step; undefined where it stays as it is.
 * @param count of what it is the mean so far
 * @param ended the epoch that has ended with the step, if one has
 */
export function averagingWeight(averaging: Averaging, count: number, ended: number | undefined): number | undefined {
  if (averaging.decay !== undefined) return count === 0 ? 1 : 1 - averaging.decay;
  return ended !== undefined && ended >= averaging.from ? 1 / (count + 1) : undefined;
}
