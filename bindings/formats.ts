/**
 * Networks from the files of other libraries.
 * @module unrolled/formats
 */

export { importBrainJs } from "./io/brainJs.ts";
export type { KerasOptions } from "./io/keras.ts";
export { importKeras, importKerasWeights } from "./io/kerasFile.ts";
export { importPyTorch, pyTorchToSafetensors, type PyTorchOptions } from "./io/pytorch.ts";
export { importTensorFlowJs } from "./io/tensorflowJs.ts";
