/** Time-delay layer (Waibel et al. 1989) in plain f64: one sequence, before the activation. */

type Vector = Float64Array;

export interface TdnnConfig {
  readonly I: number;
  readonly O: number;
  /** Step by step of the kernel: the longest delay first. */
  readonly delays: readonly number[];
}

/** The longest delay. */
const depth = ({ delays }: TdnnConfig): number => Math.max(...delays);

/** a_t = Σ_k W[:, :, k]·x_{t − delay k} + b     state: the inputs before the first, oldest first; then those before the next */
export function tdnn(config: TdnnConfig, weight: Vector, bias: Vector | undefined, x: Vector, state: Vector) {
  const { I, O, delays } = config;
  const K = delays.length;
  const D = depth(config);
  const all = Float64Array.from([...state, ...x]);
  const a = Float64Array.from({ length: (x.length / I) * O }, (_, at) => {
    const [t, o] = [Math.floor(at / O), at % O];
    let sum = bias?.[o] ?? 0;
    for (let i = 0; i < I; i++) {
      delays.forEach((delay, k) => (sum += weight[(o * I + i) * K + k]! * all[(t + D - delay) * I + i]!));
    }
    return sum;
  });
  return { a, state: all.slice(all.length - D * I) };
}

export function tdnnBackward(config: TdnnConfig, weight: Vector, x: Vector, state: Vector, dA: Vector, dState: Vector) {
  const { I, O, delays } = config;
  const K = delays.length;
  const D = depth(config);
  const all = Float64Array.from([...state, ...x]);
  const dAll = new Float64Array(all.length);
  dAll.set(dState, dAll.length - D * I);
  const grads = { weight: new Float64Array(weight.length), bias: new Float64Array(O) };
  dA.forEach((d, at) => {
    const [t, o] = [Math.floor(at / O), at % O];
    grads.bias[o]! += d;
    for (let i = 0; i < I; i++) {
      delays.forEach((delay, k) => {
        const [w, from] = [(o * I + i) * K + k, (t + D - delay) * I + i];
        grads.weight[w]! += d * all[from]!;
        dAll[from]! += d * weight[w]!;
      });
    }
  });
  return { ...grads, state: dAll.slice(0, D * I), input: dAll.slice(D * I) };
}
