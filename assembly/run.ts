// The part of the ABI that runs networks and does not train them: what `unrolled/run` has in its core.

/** First byte that is free for the caller. */
export const heapBase: usize = __heap_base;

export { randomSeed, uniform } from "./random";
export { firstNotFinite, visitors, zero } from "./vector";
export { packBias, packTransposed } from "./pack";
export {
  copyColumns,
  enterRows,
  enterState,
  enterWords,
  lastForward,
  leaveRows,
  leaveState,
  repeatForward,
} from "./sequence";
export { activationForward } from "./activation";
export { denseForward } from "./dense";
export { elmanForward } from "./elman";
export { lstmForward } from "./lstm";
export { gruForward } from "./gru";
export { embeddingForward } from "./embedding";
export { softmaxTemperature } from "./loss";
