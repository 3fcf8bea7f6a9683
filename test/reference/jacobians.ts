/**
 * The textbook's equation of backpropagation through time in an Elman network, in plain f64:
 *
 *   h_t = f(W_ih·x_t + b_ih + W_hh·h_(t−1) + b_hh)      J_t = ∂h_t/∂h_(t−1) = diag(f′)·W_hh
 *   ∂h_T/∂h_k = J_T·J_(T−1)·…·J_(k+1)                    dL/dh_k = (∂h_T/∂h_k)ᵀ·dL/dh_T
 *
 * Bengio, Simard & Frasconi 1994; Pascanu, Mikolov & Bengio 2013.
 */

type Vector = Float64Array;

/** f, and f′ by the value of f. */
const activations = {
  sigmoid: { f: (x: number) => 1 / (1 + Math.exp(-x)), df: (y: number) => y * (1 - y) },
  tanh: { f: Math.tanh, df: (y: number) => 1 - y * y },
  relu: { f: (x: number) => Math.max(x, 0), df: (y: number) => (y > 0 ? 1 : 0) },
};

export interface ElmanParams {
  readonly weight_ih: Vector;
  readonly weight_hh: Vector;
  /** b_ih + b_hh */
  readonly bias: Vector;
}

/** A·x */
const times = (a: Vector, x: Vector): Vector =>
  Float64Array.from({ length: a.length / x.length }, (_, i) =>
    x.reduce((sum, v, j) => sum + a[i * x.length + j]! * v, 0),
  );

/** J_1 … J_T, each (H, H), and h_T; x (T, I), h_0 is zero. */
export function jacobians(p: ElmanParams, activation: keyof typeof activations, x: Vector, I: number) {
  const { f, df } = activations[activation];
  const H = p.bias.length;
  let h: Vector = new Float64Array(H);
  const all = Array.from({ length: x.length / I }, (_, t) => {
    const [own, fed] = [times(p.weight_ih, x.subarray(t * I, (t + 1) * I)), times(p.weight_hh, h)];
    h = own.map((v, k) => f(v + fed[k]! + p.bias[k]!));
    return p.weight_hh.map((w, at) => df(h[Math.floor(at / H)]!) * w);
  });
  return { all, h };
}

/** A·B, both (n, n) */
function product(a: Vector, b: Vector, n: number): Vector {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      for (let j = 0; j < n; j++) c[i * n + j]! += a[i * n + k]! * b[k * n + j]!;
    }
  }
  return c;
}

/** ‖(∂h_T/∂h_k)ᵀ·d‖ for k = T, T − 1, … 1: the product of the matrices is made first, as it is written. */
export function normsByProduct(all: readonly Vector[], d: Vector): number[] {
  const H = d.length;
  let through: Vector = Float64Array.from({ length: H * H }, (_, at) => (Math.floor(at / H) === at % H ? 1 : 0));
  const normOf = () => {
    const row = new Float64Array(H);
    for (let i = 0; i < H; i++) for (let j = 0; j < H; j++) row[j]! += d[i]! * through[i * H + j]!;
    return Math.hypot(...row);
  };
  const norms = [normOf()];
  for (let t = all.length - 1; t > 0; t--) {
    through = product(through, all[t]!, H);
    norms.push(normOf());
  }
  return norms;
}

/** The largest singular value ‖A‖₂ of A (n, n), by powers of AᵀA. */
export function largestSingularValue(a: Vector, n: number): number {
  const transposed = a.map((_, at) => a[(at % n) * n + Math.floor(at / n)]!);
  let v: Vector = new Float64Array(n).fill(1);
  let size = 0;
  for (let turn = 0; turn < 1000; turn++) {
    const next = times(transposed, times(a, v));
    size = Math.hypot(...next);
    v = next.map((x) => x / size);
  }
  return Math.sqrt(size);
}
