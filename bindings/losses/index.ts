/** The losses: one file a family. */

export { binaryCrossEntropy, type BinaryCrossEntropyOptions } from "./binaryCrossEntropy.ts";
export { crossEntropy, type CrossEntropyOptions } from "./crossEntropy.ts";
export { meanSquaredError, type MeanSquaredErrorOptions } from "./distance.ts";
export type { Loss, Targets } from "./loss.ts";
