// The core: pointers, sizes and f32, nothing managed. This file and run.ts are the ABI and hold re-exports only; names of
// exports do not clash because each begins with its concept.
//
// Symbols, used everywhere:
//   B T I H O   batch, time, input, hidden, output sizes, in elements, never bytes
//   N           rows: all steps of all sequences of a batch, in the order of sequence.ts
//   P           padded(n), n rounded up to a multiple of 4. A row of n elements takes P; what stands in the padding is finite
//               and never reaches a result. Parameters and their gradients have no padding.
//   wIh wHh     weights (G·H, I) and (G·H, H) of G gates; i f g o for LSTM, r z n for GRU
//   dX          gradient of the loss by X, in the shape of X. What the caller owns is added to; scratch and the state that
//               is carried within a pass are overwritten.
//   flow        where a recurrent layer's backward leaves dh of every row, the total derivative: what comes from above and from
//               the next step together; 0 for nowhere. For an LSTM dc of every row stands behind it.
// Parameters of a function stand in the order: written, read, sizes.

export * from "./run";
export { expArray, sigmoidArray, tanhArray } from "./math";
export { normalArray, permutation, randomState, randomStateSize, uniformArray } from "./random";
export { clampArray, columnSum, multiply, rowNorms, scale, sumSquares } from "./vector";
export { packRows } from "./pack";
export { matmul, weightGradient, weightGradientScratch } from "./matmul";
export { lastBackward, repeatBackward, takeColumns } from "./sequence";
export { activationBackward } from "./activation";
export { denseBackward } from "./dense";
export { elmanBackward, elmanRegularizedBackward, elmanRegularizedForward } from "./elman";
export { lstmBackward } from "./lstm";
export { lstmNormsSize, lstmVariantBackward, lstmVariantForward } from "./lstmVariant";
export { gruBackward, gruRegularizedBackward, gruRegularizedForward } from "./gru";
export { embeddingBackward } from "./embedding";
export { dropoutForward, dropoutMask, multiplySteps, scaleByToken } from "./dropout";
export { batchNormBackward, batchNormForward, batchNormMeasure, batchNormUpdate } from "./batchNorm";
export { layerNormBackward, layerNormForward } from "./layerNorm";
export { jordanBackward, jordanForward } from "./jordan";
export { swapAxes, tdnnBackward, tdnnForward } from "./tdnn";
export { drawMask } from "./regularize";
export { spectralRadius, spectralScratch } from "./spectralRadius";
export { addGates } from "./gates";
export {
  attentionAdditiveBackward,
  attentionAdditiveForward,
  attentionDotBackward,
  attentionDotForward,
  attentionPack,
  gatherSequences,
  scatterSequences,
  sequenceSpans,
} from "./attention";
export { feedRows, feedTokens, gatherRows, power, scatterRows } from "./decoder";
export {
  countCorrect,
  crossEntropy,
  crossEntropySoft,
  distance,
  negativeLogLikelihood,
  pointwise,
  quantile,
  sumWeights,
} from "./loss";
export { crf, crfViterbi } from "./crf";
export { ctc } from "./ctc";
export { gaussianMixture } from "./gaussianMixture";
export {
  adadeltaStep,
  adagradStep,
  adamaxStep,
  adamStep,
  addSign,
  average,
  nadamStep,
  radamStep,
  rmspropStep,
  sgdStep,
} from "./optimizer";
