/** A linear-chain conditional random field in plain f64: by all paths, which is its definition, and by recursion. */

type Vector = Float64Array;

/** Scores of steps from tag to tag (K, K), of the first and of the last tag (K). */
export interface Field {
  transitions: Vector;
  start: Vector;
  end: Vector;
}

const logAdd = (terms: readonly number[]): number => {
  const high = Math.max(...terms);
  return high + Math.log(terms.reduce((sum, v) => sum + Math.exp(v - high), 0));
};

/** The score of a path through emissions (T, K). */
function scoreOf({ transitions, start, end }: Field, x: Vector, path: readonly number[]): number {
  const K = start.length;
  const steps = path.map((tag, t) => x[t * K + tag]! + (t === 0 ? start[tag]! : transitions[path[t - 1]! * K + tag]!));
  return steps.reduce((a, b) => a + b, 0) + end[path.at(-1)!]!;
}

/** All paths of T tags. */
function pathsOf(T: number, K: number): number[][] {
  return Array.from({ length: K ** T }, (_, path) =>
    Array.from({ length: T }, (_, t) => Math.floor(path / K ** t) % K),
  );
}

/** −log P(tags), the probability of each tag at each step, and the best path, each by adding up or comparing all paths. */
export function crfByPaths(field: Field, x: Vector, tags: readonly number[]) {
  const K = field.start.length;
  const paths = pathsOf(tags.length, K);
  const scores = paths.map((path) => scoreOf(field, x, path));
  const logZ = logAdd(scores);
  const marginals = new Float64Array(x.length);
  paths.forEach((path, i) => {
    path.forEach((tag, t) => (marginals[t * K + tag]! += Math.exp(scores[i]! - logZ)));
  });
  const score = Math.max(...scores);
  return { loss: logZ - scoreOf(field, x, tags), marginals, best: { tags: paths[scores.indexOf(score)]!, score } };
}

/** −log P(tags), its gradient by emissions and parameters, and the marginals. */
export function crf({ transitions, start, end }: Field, x: Vector, tags: readonly number[]) {
  const [K, T] = [start.length, tags.length];
  const all = Array.from({ length: K }, (_, k) => k);
  const alpha: number[][] = [];
  for (let t = 0; t < T; t++) {
    const reach = (k: number) => logAdd(all.map((i) => alpha[t - 1]![i]! + transitions[i * K + k]!));
    alpha.push(all.map((k) => x[t * K + k]! + (t === 0 ? start[k]! : reach(k))));
  }
  const beta = new Array<number[]>(T);
  for (let t = T - 1; t >= 0; t--) {
    const after = (i: number) => all.map((k) => transitions[i * K + k]! + x[(t + 1) * K + k]! + beta[t + 1]![k]!);
    beta[t] = all.map((i) => (t === T - 1 ? end[i]! : logAdd(after(i))));
  }
  const logZ = logAdd(all.map((i) => alpha[T - 1]![i]! + end[i]!));
  const marginals = x.map((_, n) => {
    const [t, k] = [Math.floor(n / K), n % K];
    return Math.exp(alpha[t]![k]! + beta[t]![k]! - logZ);
  });
  const isTag = (t: number, k: number) => (tags[t] === k ? 1 : 0);
  const dx = marginals.map((p, n) => p - isTag(Math.floor(n / K), n % K));
  const dTransitions = transitions.map((score, n) => {
    const [i, k] = [Math.floor(n / K), n % K];
    const at = (t: number) =>
      Math.exp(alpha[t]![i]! + score + x[(t + 1) * K + k]! + beta[t + 1]![k]! - logZ) - isTag(t, i) * isTag(t + 1, k);
    return Array.from({ length: T - 1 }, (_, t) => at(t)).reduce((a, b) => a + b, 0);
  });
  const gradients: Field = { transitions: dTransitions, start: dx.slice(0, K), end: dx.slice((T - 1) * K) };
  return { loss: logZ - scoreOf({ transitions, start, end }, x, tags), dx, gradients, marginals };
}

/** The best path and its score; of equal ones that with the lowest tag at the end, and so on back. */
export function viterbi({ transitions, start, end }: Field, x: Vector): { tags: number[]; score: number } {
  const K = start.length;
  const T = x.length / K;
  const all = Array.from({ length: K }, (_, k) => k);
  const argmax = (scores: readonly number[]) => scores.indexOf(Math.max(...scores));
  const back: number[][] = [];
  let scores = all.map((k) => start[k]! + x[k]!);
  for (let t = 1; t < T; t++) {
    const before = scores;
    const into = all.map((k) => all.map((i) => before[i]! + transitions[i * K + k]!));
    back.push(into.map(argmax));
    scores = into.map((ways, k) => Math.max(...ways) + x[t * K + k]!);
  }
  const ends = scores.map((score, k) => score + end[k]!);
  const tags = [argmax(ends)];
  for (const from of back.reverse()) tags.unshift(from[tags[0]!]!);
  return { tags, score: Math.max(...ends) };
}
