/**
 * Networks that run and do not learn, for pages and Workers where each kilobyte counts.
 * @module unrolled/run
 */

export { Model as Network } from "./model.ts";
export type { ForwardResult, PredictOptions, RunOptions, StateInfo, StreamOptions } from "./model.ts";
export { activation, type ActivationLayer } from "./layers/activation.ts";
export { dense, type DenseLayer, type DenseOptions } from "./layers/dense.ts";
export { dropout, type DropoutLayer, type DropoutOptions } from "./layers/dropout.ts";
export { elman, type ElmanLayer, type ElmanOptions } from "./layers/elman.ts";
export { embedding, type EmbeddingLayer, type EmbeddingOptions } from "./layers/embedding.ts";
export { gru, type GruLayer, type GruOptions } from "./layers/gru.ts";
export { last, type LastLayer } from "./layers/last.ts";
export { lstm, type LstmLayer, type LstmOptions } from "./layers/lstm.ts";
export { repeat, type RepeatLayer } from "./layers/repeat.ts";
export type { LayerDescription } from "./layers/index.ts";
export type { NetworkConfig } from "./config.ts";
export type { Parameter } from "./parameter.ts";
export type { Stream } from "./stream.ts";
export { tensor, type Tensor } from "./tensor.ts";
export type { FeatureInput, IndexInput, Input } from "./data/values.ts";
export {
  characterTokenizer,
  tokenizerFromJSON,
  wordTokenizer,
  type Tokenizer,
  type TokenizerJSON,
} from "./data/tokenizer.ts";
export { generate, generateText, type GenerateOptions, type GenerateTextOptions } from "./generate.ts";
export { Sampler, type SampleOptions } from "./sample.ts";
export { FormatError, type FormatErrorCode } from "./errors.ts";
