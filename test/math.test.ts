import { describe, expect, test } from "vitest";
import { Core } from "../bindings/core/core.ts";
import { BOUND, mathFunctions, Probe } from "./precision.ts";

describe.each(mathFunctions)("$name", (mathFunction) => {
  test(`at most ${BOUND} ulp over every 8191st float32, limits and NaN right`, () => {
    const size = 2 ** 19;
    const probe = new Probe(mathFunction, size);
    probe.measure(0, 8191);
    expect(probe.fault).toBeUndefined();
    expect(probe.worst).toBeLessThanOrEqual(BOUND);
    expect(probe.worst).toBeGreaterThan(0.5);
  });

  // Where it overflows, where results become subnormal and zero, where it saturates, and about zero.
  test.each([88.7228, -87.3365, -103.972, -104, 89, 9.01, -9.01, 20, -20, 17.3, 1e-3, 0.34657, -0.34657])(
    `at most ${BOUND} ulp over 4096 neighbours of %s`,
    (x) => {
      const probe = new Probe(mathFunction, 4096);
      const bits = new Uint32Array(Float32Array.of(x).buffer)[0]!;
      probe.measure(bits - 2048, 1);
      expect(probe.fault).toBeUndefined();
      expect(probe.worst).toBeLessThanOrEqual(BOUND);
    },
  );

  test("in place, and nothing beyond the end", () => {
    const core = new Core();
    core.reserve(core.base + 64);
    const run = core.functions[`${mathFunction.name}Array`];
    const x = Float32Array.of(-1, 0.5, 2, -0.25, 7, 8, 9, 10);
    core.f32.set(x, core.base >>> 2);
    run(core.base + 32, core.base, 4);
    run(core.base, core.base, 4);
    const result = core.view(core.base + 32, 4);
    expect([...core.view(core.base, 4)]).toEqual([...result]);
    expect([...core.view(core.base + 16, 4)]).toEqual([7, 8, 9, 10]);
    result.forEach((y, i) => expect(y).toBeCloseTo(mathFunction.truth(x[i]!), 6));
  });
});
