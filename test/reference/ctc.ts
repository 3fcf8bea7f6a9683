/** Connectionist temporal classification in plain f64: by all paths, which is its definition, and by recursion. */

type Vector = Float64Array;

function logSoftmax(row: Vector): Vector {
  const high = Math.max(...row);
  const sum = row.reduce((total, v) => total + Math.exp(v - high), 0);
  return row.map((v) => v - high - Math.log(sum));
}

const logAdd = (terms: readonly number[]): number => {
  const high = Math.max(...terms);
  return high === -Infinity ? high : high + Math.log(terms.reduce((sum, v) => sum + Math.exp(v - high), 0));
};

const rowsOf = (x: Vector, C: number): Vector[] =>
  Array.from({ length: x.length / C }, (_, t) => logSoftmax(x.subarray(t * C, (t + 1) * C)));

/** −log of the probability of all paths that give the labels once repetitions and blanks are taken out. */
export function ctcByPaths(x: Vector, C: number, labels: readonly number[], blank: number): number {
  const p = rowsOf(x, C);
  const found: number[] = [];
  for (let path = 0; path < C ** p.length; path++) {
    const classes = p.map((_, t) => Math.floor(path / C ** t) % C);
    const collapsed = classes.filter((label, t) => label !== blank && label !== classes[t - 1]);
    if (collapsed.join() === labels.join()) found.push(classes.reduce((sum, label, t) => sum + p[t]![label]!, 0));
  }
  return -logAdd(found.length > 0 ? found : [-Infinity]);
}

/** x (T, C) of logits. The loss, and its gradient by x. */
export function ctc(x: Vector, C: number, labels: readonly number[], blank: number) {
  const p = rowsOf(x, C);
  const places = [blank, ...labels.flatMap((label) => [label, blank])];
  const [T, S] = [p.length, places.length];
  const skips = (s: number) => s >= 2 && places[s] !== blank && places[s] !== places[s - 2];
  const alpha: number[][] = [];
  for (let t = 0; t < T; t++) {
    const before = (s: number) => (t === 0 ? (s === 0 ? 0 : -Infinity) : (alpha[t - 1]![s] ?? -Infinity));
    alpha.push(
      places.map(
        (label, s) => p[t]![label]! + logAdd([before(s), before(s - 1), skips(s) ? before(s - 2) : -Infinity]),
      ),
    );
  }
  const beta: number[][] = new Array<number[]>(T);
  for (let t = T - 1; t >= 0; t--) {
    const after = (s: number) =>
      beta[t + 1]?.[s] === undefined ? -Infinity : beta[t + 1]![s]! + p[t + 1]![places[s]!]!;
    beta[t] = places.map((_, s) => {
      if (t === T - 1) return s >= S - 2 ? 0 : -Infinity;
      return logAdd([after(s), after(s + 1), s + 2 < S && skips(s + 2) ? after(s + 2) : -Infinity]);
    });
  }
  const logZ = logAdd([alpha[T - 1]![S - 1]!, alpha[T - 1]![S - 2] ?? -Infinity]);
  const gradient = x.map((_, i) => {
    const [t, k] = [Math.floor(i / C), i % C];
    const hits = places.map((label, s) => (label === k ? Math.exp(alpha[t]![s]! + beta[t]![s]! - logZ) : 0));
    return Math.exp(p[t]![k]!) - hits.reduce((a, b) => a + b, 0);
  });
  return { loss: -logZ, gradient };
}
