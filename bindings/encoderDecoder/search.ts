import { activationCode } from "../activation.ts";
import { padded } from "../core/core.ts";
import type { Selection } from "../engine.ts";
import type { Values } from "../data/values.ts";
import { startOf } from "./data.ts";
import type { EncoderDecoderEngine } from "./engine.ts";

/** A sequence of tokens that a decoder has generated. */
export interface Hypothesis {
  /** Without the stop token. */
  readonly tokens: Int32Array;
  /** Sum of the logarithms of the tokens' probabilities, the stop token included. */
  readonly logProbability: number;
  /** logProbability / length^lengthPenalty, the stop token counted. */
  readonly score: number;
  /** Whether it came to the stop token; else it was cut at the largest length. */
  readonly ended: boolean;
}

/** How far a search goes. */
interface Search {
  readonly beam: number;
  readonly maxLength: number;
  readonly lengthPenalty: number;
}

/** The beginning of a hypothesis that goes on, and the row of the decoder that it has. */
interface Prefix {
  readonly row: number;
  readonly tokens: readonly number[];
  readonly logProbability: number;
}

/** A prefix and the token it may go on with. */
interface Candidate {
  readonly prefix: Prefix;
  readonly token: number;
  readonly logProbability: number;
}

/**
 * Beam search for some examples side by side: at each step the best continuations of all prefixes go on. One that comes to the
 * stop token leaves the beam, which is then narrower by one (Sutskever et al. 2014), so that a beam of one is the greedy way.
 * @returns for each example the hypotheses, best first
 */
export function search(
  engine: EncoderDecoderEngine,
  inputs: Values,
  selection: Selection,
  options: Search,
): Hypothesis[][] {
  const { beam, maxLength } = options;
  const { core, bridge } = engine;
  const { start, stop } = engine.config.decoder;
  const width = padded(engine.output.size);
  const parents = new Int32Array(selection.examples.length * beam);
  const tokens = new Int32Array(parents.length).fill(start as number);
  engine.beginSteps(inputs, selection, beam);
  let live = Array.from(selection.examples, (_, k): Prefix[] => [{ row: k * beam, tokens: [], logProbability: 0 }]);
  const done = live.map((): Hypothesis[] => []);
  for (let length = 1; length <= maxLength && live.some((prefixes) => prefixes.length > 0); length++) {
    core.i32.set(tokens, bridge.x >>> 2);
    engine.decode();
    const logs = logProbabilities(engine);
    parents.forEach((_, row) => (parents[row] = row));
    live = live.map((prefixes, k) => {
      const best = bestOf(prefixes, logs, width, engine.output.size, beam - done[k]!.length);
      for (const one of best.filter(({ token }) => token === stop))
        done[k]!.push(hypothesis(engine, one, options, true));
      const going = best.filter(({ token }) => token !== stop);
      if (length === maxLength) done[k]!.push(...going.map((one) => hypothesis(engine, one, options, false)));
      return going.map(({ prefix, token, logProbability }, i) => {
        const row = k * beam + i;
        parents[row] = prefix.row;
        tokens[row] = token;
        return { row, tokens: [...prefix.tokens, token], logProbability };
      });
    });
    if (beam > 1) bridge.choose(parents);
  }
  return done.map((hypotheses) => hypotheses.sort((a, b) => b.score - a.score));
}

/** Of the last step, rows (B, padded(tokens)). */
function logProbabilities({ core, dOutput, y, bridge, output }: EncoderDecoderEngine): Float32Array {
  const { kind, alpha } = activationCode("logSoftmax");
  core.functions.activationForward(dOutput, y, bridge.rows.B, output.size, kind, alpha);
  return core.view(dOutput, bridge.rows.B * padded(output.size));
}

/** The likeliest continuations, at most `count`, best first; equal ones as they stand. */
function bestOf(
  prefixes: readonly Prefix[],
  logs: Float32Array,
  width: number,
  size: number,
  count: number,
): readonly Candidate[] {
  const best: Candidate[] = [];
  for (const prefix of prefixes) {
    for (let token = 0; token < size; token++) {
      const logProbability = prefix.logProbability + logs[prefix.row * width + token]!;
      if (best.length === count && !(logProbability > best[count - 1]!.logProbability)) continue;
      const at = best.findIndex((other) => logProbability > other.logProbability);
      best.splice(at < 0 ? best.length : at, 0, { prefix, token, logProbability });
      if (best.length > count) best.pop();
    }
  }
  return best;
}

function hypothesis(
  { core }: EncoderDecoderEngine,
  { prefix, token, logProbability }: Candidate,
  { lengthPenalty }: Search,
  ended: boolean,
): Hypothesis {
  const length = prefix.tokens.length + 1;
  const score = logProbability / core.functions.power(length, lengthPenalty);
  return { tokens: Int32Array.from(ended ? prefix.tokens : [...prefix.tokens, token]), logProbability, score, ended };
}

/** Free running of a decoder of numbers: each output is the next input. @param to (examples, steps, features) */
export function runFree(
  engine: EncoderDecoderEngine,
  inputs: Values,
  selection: Selection,
  steps: number,
  to: Float32Array,
): void {
  const { core, bridge, output } = engine;
  const F = output.size;
  const B = selection.examples.length;
  const start = startOf(engine, inputs);
  engine.beginSteps(inputs, selection, 1);
  selection.examples.forEach((example, row) => {
    core.f32.set(start.subarray(example * F, (example + 1) * F), (bridge.x >>> 2) + row * padded(F));
  });
  for (let t = 0; t < steps; t++) {
    engine.decode();
    for (let row = 0; row < B; row++) to.set(core.view(engine.y + row * padded(F) * 4, F), (row * steps + t) * F);
    engine.feedBack();
  }
}
