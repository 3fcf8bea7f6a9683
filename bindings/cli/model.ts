/** A model file of `unrolled train`, and what its metadata say. */

import { FormatError, Network, tokenizerFromJSON, type Tokenizer, type TokenizerJSON } from "../index.ts";
import { about } from "./errors.ts";
import { readBytes } from "./files.ts";

/** A network that writes text, with the tokenizer that belongs to it. */
export interface LanguageModel {
  readonly net: Network;
  readonly tokenizer: Tokenizer;
}

/** Reads a model file. @throws Error that names the file, when it is none, or has no tokenizer or another one */
export function readLanguageModel(path: string): LanguageModel {
  const bytes = readBytes(path);
  return about(path, () => {
    const net = Network.load(bytes);
    const tokenizer = tokenizerOf(net);
    if (!tokenizer) {
      throw new FormatError(
        "mismatch",
        'there is no tokenizer in the metadata: give a model saved by "unrolled train"',
      );
    }
    const { input } = net.config;
    if (!("tokens" in input) || input.tokens !== tokenizer.size) {
      const symbols = `the tokenizer has ${tokenizer.size} symbols`;
      throw new FormatError("mismatch", `${symbols}, and the network takes another input: give the model unchanged`);
    }
    return { net, tokenizer };
  });
}

/** Stores the tokenizer with the network. */
export function keepTokenizer({ net, tokenizer }: LanguageModel): void {
  net.metadata.tokenizer = JSON.stringify(tokenizer);
}

/** The tokenizer stored with a network, if there is one. @throws FormatError when it is not what a tokenizer gave */
export function tokenizerOf({ metadata }: Network): Tokenizer | undefined {
  const text = metadata.tokenizer;
  return text === undefined ? undefined : tokenizerFromJSON(parseTokenizer(text));
}

function parseTokenizer(text: string): TokenizerJSON {
  try {
    return JSON.parse(text) as TokenizerJSON; // which tokenizerFromJSON checks
  } catch {
    throw new FormatError("malformed", "the tokenizer in the metadata is not JSON: save the model again");
  }
}

/** What text begins with if nobody says: the start of a line, as far as the tokenizer knows one. */
export function defaultPrompt({ vocabulary }: Tokenizer): string {
  return vocabulary.includes("\n") ? "\n" : vocabulary[0]!;
}
