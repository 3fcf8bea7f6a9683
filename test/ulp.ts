/** `npm run ulp`: exp, tanh and sigmoid of the core over all 2^32 float32. Some minutes. */

import { BOUND, mathFunctions, Probe } from "./precision.ts";

/** Small enough to stay in a cache, so that the time is that of the arithmetic. */
const CHUNK = 2 ** 16;
const PERCENT = Math.ceil(2 ** 32 / CHUNK / 100) * CHUNK;

for (const mathFunction of mathFunctions) {
  const probe = new Probe(mathFunction, CHUNK);
  for (let first = 0; first < 2 ** 32; first += CHUNK) {
    if (first % PERCENT === 0) process.stderr.write(`\r${mathFunction.name} ${first / PERCENT} % `);
    probe.measure(first, 1);
  }
  process.stderr.write("\r");
  const { worst, argument, milliseconds, elements, fault } = probe;
  const speed = `${((1e6 * milliseconds) / elements).toFixed(2)} ns an element`;
  console.log(`${mathFunction.name}: at most ${worst.toFixed(3)} ulp, at ${argument}; ${speed}`);
  if (fault !== undefined) console.log(`wrong: ${fault}`);
  if (fault !== undefined || !(worst <= BOUND)) process.exitCode = 1;
}
