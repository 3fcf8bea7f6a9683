/** Networks from the files of other libraries: `unrolled/formats`. */

export { importPyTorch, pyTorchToSafetensors, type PyTorchOptions } from "./io/pytorch.ts";
