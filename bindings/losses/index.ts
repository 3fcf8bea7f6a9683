/** The losses: one file a family. */

export { binaryCrossEntropy, type BinaryCrossEntropyOptions } from "./binaryCrossEntropy.ts";
export { crfDecode, crfMarginals, type CrfInferenceOptions, type TagPath } from "./crfDecode.ts";
export { crfLoss, type CrfLossOptions } from "./crfLoss.ts";
export { crossEntropy, type CrossEntropyOptions } from "./crossEntropy.ts";
export { ctc, type CtcOptions } from "./ctc.ts";
export { ctcDecode, type CtcDecodeOptions } from "./ctcDecode.ts";
export {
  huber,
  meanAbsoluteError,
  meanSquaredError,
  smoothL1,
  type HuberOptions,
  type MeanAbsoluteErrorOptions,
  type MeanSquaredErrorOptions,
  type SmoothL1Options,
} from "./distance.ts";
export { gaussianMixture, type GaussianMixtureOptions, type Mixture } from "./gaussianMixture.ts";
export { MixtureSampler, type MixtureSamplerOptions } from "./mixtureSampler.ts";
export { klDivergence, type KlDivergenceOptions } from "./klDivergence.ts";
export { negativeLogLikelihood, type NegativeLogLikelihoodOptions } from "./negativeLogLikelihood.ts";
export { quantile, type QuantileOptions } from "./quantile.ts";
export type { Loss, Targets } from "./loss.ts";
