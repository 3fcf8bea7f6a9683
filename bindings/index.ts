export { activation, type ActivationLayer } from "./layers/activation.ts";
export { dense, type DenseLayer, type DenseOptions } from "./layers/dense.ts";
export { dropout, type DropoutLayer } from "./layers/dropout.ts";
export { attention, type AttentionLayer, type AttentionOptions } from "./layers/attention.ts";
export { elman, type ElmanLayer, type ElmanOptions } from "./layers/elman.ts";
export { embedding, type EmbeddingLayer, type EmbeddingOptions } from "./layers/embedding.ts";
export { gru, type GruLayer, type GruOptions } from "./layers/gru.ts";
export { last, type LastLayer } from "./layers/last.ts";
export { lstm, type LstmLayer, type LstmOptions } from "./layers/lstm.ts";
export { repeat, type RepeatLayer } from "./layers/repeat.ts";
export { layerNames, type LayerDescription } from "./layers/index.ts";
export type { RecurrentOptions } from "./layers/recurrent.ts";
export type { LayerOptions } from "./layers/layer.ts";
export { activationNames, type Activation, type ActivationName } from "./activation.ts";
export {
  constant,
  fanInUniform,
  fanOutUniform,
  glorotNormal,
  glorotUniform,
  heNormal,
  heUniform,
  lecunNormal,
  lecunUniform,
  normal,
  orthogonal,
  uniform,
  type Initializer,
} from "./initializer.ts";
export {
  Network,
  type BackwardOptions,
  type BackwardResult,
  type ForwardOptions,
  type StepOptions,
} from "./network.ts";
export {
  EncoderDecoder,
  type DecodeOptions,
  type EncoderDecoderBackwardResult,
  type EncoderDecoderEvaluateOptions,
  type EncoderDecoderFitOptions,
  type EncoderDecoderForwardOptions,
  type EncoderDecoderTrainOptions,
  type FreeRunningOptions,
  type SearchOptions,
  type TeacherForcing,
} from "./encoderDecoder/encoderDecoder.ts";
export type {
  DecoderConfig,
  DecoderLayerDescription,
  EncoderConfig,
  EncoderDecoderConfig,
} from "./encoderDecoder/config.ts";
export type { EncoderDecoderData } from "./encoderDecoder/data.ts";
export type { Hypothesis } from "./encoderDecoder/search.ts";
export type { ForwardResult, Model, PredictOptions, RunOptions, StateInfo, StreamOptions } from "./model.ts";
export type { NetworkConfig } from "./config.ts";
export type { Parameter } from "./parameter.ts";
export type { Stream } from "./stream.ts";
export { tensor, type Tensor } from "./tensor.ts";
export type { FeatureInput, IndexInput, Input } from "./data/values.ts";
export type { TrainingData } from "./data/dataset.ts";
export {
  binaryCrossEntropy,
  crossEntropy,
  lossNames,
  meanSquaredError,
  type BinaryCrossEntropyOptions,
  type CrossEntropyOptions,
  type Loss,
  type MeanSquaredErrorOptions,
  type Targets,
} from "./loss.ts";
export {
  adagrad,
  adam,
  adamw,
  optimizerNames,
  rmsprop,
  sgd,
  type AdagradOptions,
  type AdamOptions,
  type Optimizer,
  type RmspropOptions,
  type SgdOptions,
} from "./optimizer.ts";
export type { StepReport, Trainer, TrainOptions } from "./train.ts";
export type { EarlyStopping, EpochReport, FitOptions, History } from "./fit.ts";
export type { EvaluateOptions, Evaluation } from "./evaluate.ts";
export {
  characterTokenizer,
  tokenizerFromJSON,
  wordTokenizer,
  type Tokenizer,
  type TokenizerJSON,
} from "./data/tokenizer.ts";
export { splitSequence } from "./data/split.ts";
export { languageModelData } from "./data/text.ts";
export { generate, generateText, type GenerateOptions, type GenerateTextOptions } from "./generate.ts";
export { gradientCheck, type GradientCheckOptions, type GradientCheckResult } from "./inspect/gradientCheck.ts";
export { Sampler, type SampleOptions } from "./sample.ts";
export { FormatError, NumericError, type FormatErrorCode } from "./errors.ts";
