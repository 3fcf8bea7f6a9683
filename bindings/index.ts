/**
 * All of the library but the files of others: networks that learn, layers, losses, optimizers, schedules, data, text, and ways to look
 * inside.
 * @module unrolled
 */

export { activation, type ActivationLayer } from "./layers/activation.ts";
export { batchNorm, type BatchNormLayer, type BatchNormOptions } from "./layers/batchNorm.ts";
export { crf, type CrfLayer } from "./layers/crf.ts";
export { dense, type DenseLayer, type DenseOptions } from "./layers/dense.ts";
export { dropout, type DropoutLayer, type DropoutOptions } from "./layers/dropout.ts";
export { attention, type AttentionLayer, type AttentionOptions } from "./layers/attention.ts";
export { elman, type ElmanLayer, type ElmanOptions } from "./layers/elman.ts";
export { embedding, type EmbeddingLayer, type EmbeddingOptions } from "./layers/embedding.ts";
export { gru, type GruLayer, type GruOptions } from "./layers/gru.ts";
export { jordan, type JordanLayer, type JordanOptions } from "./layers/jordan.ts";
export { last, type LastLayer } from "./layers/last.ts";
export { layerNorm, type LayerNormLayer, type LayerNormOptions } from "./layers/layerNorm.ts";
export { lstm, type LstmLayer, type LstmOptions } from "./layers/lstm.ts";
export { repeat, type RepeatLayer } from "./layers/repeat.ts";
export { tdnn, type TdnnLayer, type TdnnOptions } from "./layers/tdnn.ts";
export { layerNames, type LayerDescription } from "./layers/index.ts";
export type { RecurrentOptions } from "./layers/recurrent.ts";
export type { GateActivation } from "./layers/gateActivation.ts";
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
  identity,
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
  type LossOptions,
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
export type { NetworkBuffer, Parameter } from "./parameter.ts";
export type { Stream } from "./stream.ts";
export { tensor, type Tensor } from "./tensor.ts";
export type { FeatureInput, IndexInput, Input } from "./data/values.ts";
export type { TrainingData } from "./data/dataset.ts";
export type { Weights } from "./data/weights.ts";
export {
  binaryCrossEntropy,
  crfDecode,
  crfLoss,
  crfMarginals,
  crossEntropy,
  ctc,
  ctcDecode,
  gaussianMixture,
  huber,
  klDivergence,
  meanAbsoluteError,
  meanSquaredError,
  MixtureSampler,
  negativeLogLikelihood,
  quantile,
  smoothL1,
  type BinaryCrossEntropyOptions,
  type CrfInferenceOptions,
  type CrfLossOptions,
  type CrossEntropyOptions,
  type CtcDecodeOptions,
  type CtcOptions,
  type GaussianMixtureOptions,
  type HuberOptions,
  type KlDivergenceOptions,
  type Loss,
  type MeanAbsoluteErrorOptions,
  type MeanSquaredErrorOptions,
  type Mixture,
  type MixtureSamplerOptions,
  type NegativeLogLikelihoodOptions,
  type QuantileOptions,
  type SmoothL1Options,
  type TagPath,
  type Targets,
} from "./losses/index.ts";
export {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  nadam,
  radam,
  rmsprop,
  sgd,
  type AdadeltaOptions,
  type AdagradOptions,
  type AdamaxOptions,
  type AdamOptions,
  type NadamOptions,
  type Optimizer,
  type OptimizerOptions,
  type RadamOptions,
  type RmspropOptions,
  type SgdOptions,
} from "./optimizers/index.ts";
export type { ParameterGroup } from "./optimizers/groups.ts";
export {
  cosineAnnealing,
  exponentialDecay,
  linearWarmup,
  multiStep,
  oneCycle,
  reduceOnPlateau,
  stepDecay,
  type CosineAnnealingOptions,
  type Duration,
  type ExponentialDecayOptions,
  type LinearWarmupOptions,
  type MultiStepOptions,
  type OneCycleOptions,
  type PlateauState,
  type ReduceOnPlateauOptions,
  type Schedule,
  type StepDecayOptions,
} from "./schedules/index.ts";
export type { Averaging } from "./averaging.ts";
export type { StepReport, Trainer } from "./train.ts";
export type { TrainOptions } from "./trainOptions.ts";
export type { EarlyStopping, EpochReport, FitOptions, History } from "./fit.ts";
export type { EvaluateOptions, Evaluation } from "./evaluate.ts";
export { crossValidate, type CrossValidation, type CrossValidationOptions, type Scores } from "./crossValidate.ts";
export {
  characterTokenizer,
  tokenizerFromJSON,
  wordTokenizer,
  type Tokenizer,
  type TokenizerJSON,
} from "./data/tokenizer.ts";
export { splitData, splitSequence, type LongSequence, type SplitOptions } from "./data/split.ts";
export { selectExamples } from "./data/examples.ts";
export { kFold, type Fold, type FoldOptions } from "./data/folds.ts";
export type { Labels } from "./data/partition.ts";
export { windows, type WindowOptions } from "./data/windows.ts";
export {
  columnStack,
  difference,
  movingAverage,
  seasonalNaive,
  undoDifference,
  type SeasonalNaiveOptions,
  type Series,
} from "./data/series.ts";
export {
  minMaxScaler,
  robustScaler,
  scalerFromJSON,
  standardScaler,
  type MinMaxScalerOptions,
  type Scalable,
  type ScaleOptions,
  type Scaler,
  type ScalerJSON,
  type ScalerKind,
} from "./data/scaler.ts";
export { oneHot, padSequences, type PadOptions, type Sequences } from "./data/sequences.ts";
export { readCsv, readJsonLines, type CsvColumn, type CsvOptions, type CsvType } from "./data/csv.ts";
export {
  argmax,
  classScores,
  confusionMatrix,
  editDistance,
  errorRate,
  f1Score,
  intervalCoverage,
  meanAbsoluteErrorOf,
  meanAbsolutePercentageError,
  meanPinballLoss,
  perplexity,
  rootMeanSquaredError,
  type Classes,
  type ClassScores,
  type ConfusionOptions,
  type Numbers,
  type Symbols,
} from "./data/metrics.ts";
export {
  compose,
  jitter,
  magnitudeWarp,
  scaling,
  sometimes,
  timeWarp,
  tokenDropout,
  windowSlice,
  type Augmentation,
  type TokenDropoutOptions,
  type TrainingBatch,
  type WarpOptions,
  type WindowSliceOptions,
} from "./data/augment.ts";
export {
  imageRotate,
  imageShift,
  type ImageOptions,
  type ImageRotateOptions,
  type ImageShiftOptions,
} from "./data/augmentImages.ts";
export { Random } from "./data/random.ts";
export { languageModelData } from "./data/text.ts";
export { generate, generateText, type GenerateOptions, type GenerateTextOptions } from "./generate.ts";
export {
  gradientFlow,
  type GradientFlow,
  type GradientFlowOptions,
  type LayerFlow,
  type Verdict,
} from "./inspect/gradientFlow.ts";
export { traceStates, type LayerTrace, type TraceOptions } from "./inspect/traceStates.ts";
export { gradientCheck, type GradientCheckOptions, type GradientCheckResult } from "./inspect/gradientCheck.ts";
export { Sampler, type SampleOptions } from "./sample.ts";
export type { SaveOptions } from "./io/compact.ts";
export { FormatError, NumericError, type FormatErrorCode } from "./errors.ts";
