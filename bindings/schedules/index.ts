export { cosineAnnealing, type CosineAnnealingOptions } from "./cosineAnnealing.ts";
export { linearWarmup, type LinearWarmupOptions } from "./linearWarmup.ts";
export { multiStep, type MultiStepOptions } from "./multiStep.ts";
export { oneCycle, type OneCycleOptions } from "./oneCycle.ts";
export { reduceOnPlateau, type ReduceOnPlateauOptions } from "./reduceOnPlateau.ts";
export { exponentialDecay, stepDecay, type ExponentialDecayOptions, type StepDecayOptions } from "./stepDecay.ts";
export type { Duration, PlateauState, Schedule } from "./schedule.ts";
