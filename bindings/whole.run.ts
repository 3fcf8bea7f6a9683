/** In place of whole.ts in `unrolled/run`. */
export const whole = false as boolean;
