export { adadelta, type AdadeltaOptions } from "./adadelta.ts";
export { adagrad, type AdagradOptions } from "./adagrad.ts";
export { adam, adamw, type AdamOptions } from "./adam.ts";
export { adamax, type AdamaxOptions } from "./adamax.ts";
export { nadam, type NadamOptions } from "./nadam.ts";
export { radam, type RadamOptions } from "./radam.ts";
export { rmsprop, type RmspropOptions } from "./rmsprop.ts";
export { sgd, type SgdOptions } from "./sgd.ts";
export type { Optimizer, OptimizerOptions } from "./optimizer.ts";
