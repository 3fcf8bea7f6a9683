// The core: pointers, sizes and f32, nothing managed. This file is the ABI and holds re-exports only; names of exports do
// not clash because each begins with its concept.
//
// Symbols, used everywhere:
//   B T I H O   batch, time, input, hidden, output sizes, in elements, never bytes
//   N           rows: all steps of all sequences of a batch, in the order of sequence.ts
//   P           padded(n), n rounded up to a multiple of 4. A row of n elements takes P; what stands in the padding is finite
//               and never reaches a result. Parameters and their gradients have no padding.
//   wIh wHh     weights (G·H, I) and (G·H, H) of G gates; i f g o for LSTM, r z n for GRU
//   dX          gradient of the loss by X, in the shape of X. What the caller owns is added to; scratch and the state that
//               is carried within a pass are overwritten.
// Parameters of a function stand in the order: written, read, sizes.

/** First byte that is free for the caller. */
export const heapBase: usize = __heap_base;

export { expArray, sigmoidArray, tanhArray } from "./math";
export {
  normalArray,
  permutation,
  randomSeed,
  randomState,
  randomStateSize,
  uniform,
  uniformArray,
} from "./random";
export { clampArray, firstNotFinite, multiply, scale, sumSquares, visitors, zero } from "./vector";
export { packBias, packRows, packTransposed } from "./pack";
export { matmul, weightGradient, weightGradientScratch } from "./matmul";
export {
  copyColumns,
  enterRows,
  enterState,
  enterWords,
  lastBackward,
  lastForward,
  leaveRows,
  leaveState,
  repeatBackward,
  repeatForward,
  takeColumns,
} from "./sequence";
export { activationBackward, activationForward } from "./activation";
export { denseBackward, denseForward } from "./dense";
export { elmanBackward, elmanForward } from "./elman";
export { lstmBackward, lstmForward } from "./lstm";
export { gruBackward, gruForward } from "./gru";
export { embeddingBackward, embeddingForward, firstOutside } from "./embedding";
export { dropoutForward } from "./dropout";
export {
  binaryCrossEntropy,
  countCorrect,
  crossEntropy,
  crossEntropySoft,
  crossEntropyWeight,
  meanSquaredError,
  softmaxTemperature,
} from "./loss";
export { adagradStep, adamStep, rmspropStep, sgdStep } from "./optimizer";
