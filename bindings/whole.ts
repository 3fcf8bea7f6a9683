/** Whether this is the whole library. `unrolled/run` has whole.run.ts in its place, and bundlers drop what it leads to. */
export const whole = true as boolean;
