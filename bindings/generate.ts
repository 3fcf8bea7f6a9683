import type { Tokenizer } from "./data/tokenizer.ts";
import { Sampler, type SampleOptions } from "./sample.ts";
import type { Stream } from "./stream.ts";
import { expectInteger, expectRange, expectType } from "./validate.ts";

/** What text is generated with: a network whose input is tokens and whose output are their logits. @inline */
interface LanguageModel {
  readonly stream: (options?: { readonly batch?: number }) => Stream;
}

export interface GenerateOptions extends SampleOptions {
  /** Tokens to begin with; at least one. */
  readonly prompt: ArrayLike<number>;
  /** Tokens to generate. */
  readonly length: number;
}

export interface GenerateTextOptions extends SampleOptions {
  /** Text to begin with; at least one token long. */
  readonly prompt: string;
  /** Tokens to generate: characters or words, as the tokenizer cuts. */
  readonly length: number;
}

/**
 * Generates tokens one after another, each fed back as the next input.
 * @throws TypeError, RangeError on a wrong option
 */
export function* generate(net: LanguageModel, options: GenerateOptions): Generator<number, void, undefined> {
  const { prompt, length, ...sampleOptions } = options;
  expectInteger("length", length, 0);
  expectRange(prompt.length > 0, "prompt", "at least one token", "none");
  const sampler = new Sampler(sampleOptions);
  const stream = net.stream();
  let logits: Float32Array = new Float32Array();
  for (let i = 0; i < prompt.length; i++) logits = stream.step(prompt[i]!);
  for (let i = 0; i < length; i++) {
    const token = sampler.draw(logits);
    yield token;
    logits = stream.step(token);
  }
}

/**
 * Generates text that goes on from a prompt; the prompt is not part of what is returned.
 * @throws TypeError, RangeError on a wrong option, or a prompt with characters that the tokenizer does not know
 */
export function generateText(net: LanguageModel, tokenizer: Tokenizer, options: GenerateTextOptions): string {
  expectType(typeof options.prompt === "string", "prompt", "a string", options.prompt);
  return tokenizer.decode([...generate(net, { ...options, prompt: tokenizer.encode(options.prompt) })]);
}
