/** Jordan network (Jordan 1986) in plain f64: one sequence, step by step. */

import { activation, activationBackward, linear, linearBackward, softmax, softmaxBackward } from "../reference.ts";
import type { ActivationName, Params } from "../reference.ts";

type Vector = Float64Array;

export interface JordanConfig {
  readonly I: number;
  readonly H: number;
  readonly O: number;
  readonly phi: ActivationName;
  readonly psi: ActivationName | "softmax";
  readonly decay: number;
}

const add = (a: Vector, b: Vector): Vector => a.map((v, k) => v + b[k]!);
const zeros = (n: number): Vector => new Float64Array(n);

/** h = φ(x·W_ihᵀ + c·W_yhᵀ + b_h), y = ψ(h·W_hyᵀ + b_y), c′ = decay·c + y; c0 is the context before the first step */
export function jordan(config: JordanConfig, params: Params, x: Vector, c0: Vector) {
  const { I, H, O, phi, psi, decay } = config;
  let c = c0;
  const steps = Array.from({ length: x.length / I }, (_, t) => {
    const own = x.slice(t * I, (t + 1) * I);
    const a = add(linear(own, I, params.weight_ih!, params.bias_h), linear(c, O, params.weight_yh!));
    const h = activation(phi, a);
    const z = linear(h, H, params.weight_hy!, params.bias_y);
    const y = psi === "softmax" ? softmax(z, O) : activation(psi, z);
    const step = { x: own, c, a, h, z, y };
    c = y.map((v, k) => v + decay * step.c[k]!);
    return step;
  });

  /** dY of all steps and dC, the gradient by the context after the last. */
  function backward(dY: Vector, dC: Vector) {
    const grads: Params = Object.fromEntries(Object.entries(params).map(([name, p]) => [name, zeros(p.length)]));
    const addTo = (name: string, values: Vector) => grads[name] && (grads[name] = add(grads[name], values));
    const input = zeros(x.length);
    let dContext = dC;
    for (let t = steps.length - 1; t >= 0; t--) {
      const step = steps[t]!;
      const d = add(dY.slice(t * O, (t + 1) * O), dContext);
      const dZ = psi === "softmax" ? softmaxBackward(step.z, d, O) : activationBackward(psi, step.z, d);
      const outer = linearBackward(step.h, H, params.weight_hy!, dZ);
      const dA = activationBackward(phi, step.a, outer.input);
      const inner = linearBackward(step.x, I, params.weight_ih!, dA);
      const feedback = linearBackward(step.c, O, params.weight_yh!, dA);
      addTo("weight_hy", outer.weight);
      addTo("bias_y", outer.bias);
      addTo("weight_ih", inner.weight);
      addTo("bias_h", inner.bias);
      addTo("weight_yh", feedback.weight);
      input.set(inner.input, t * I);
      dContext = feedback.input.map((v, k) => v + decay * dContext[k]!);
    }
    return { params: grads, input, c0: dContext };
  }

  return { y: Float64Array.from(steps.flatMap(({ y }) => [...y])), c, backward };
}
