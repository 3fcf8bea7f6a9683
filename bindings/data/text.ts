import { tensor } from "../tensor.ts";
import { expectInteger, expectOptions, expectRange, expectType } from "../validate.ts";
import type { TrainingData } from "./dataset.ts";

/**
 * A text for learning to predict the next token: cut into `batch` consecutive streams that are read side by side. Train with
 * `truncate`, so that the state is carried from chunk to chunk. Tokens that do not fill the last step of all streams are left out.
 * @param tokens the text, from a tokenizer
 * @returns inputs and targets [batch, steps], the targets one token ahead
 * @throws RangeError when the text is too short for so many streams
 */
export function languageModelData(tokens: Int32Array, options: { readonly batch: number }): TrainingData {
  expectType(tokens instanceof Int32Array, "tokens", "an Int32Array from a tokenizer", tokens);
  expectOptions("languageModelData", options, ["batch"]);
  const batch = expectInteger("batch", options.batch, 1);
  const steps = Math.floor((tokens.length - 1) / batch);
  expectRange(steps > 0, "tokens", `more than ${batch} tokens, for ${batch} streams`, tokens);
  return {
    inputs: tensor(tokens.slice(0, batch * steps), [batch, steps]),
    targets: tensor(tokens.slice(1, batch * steps + 1), [batch, steps]),
  };
}
