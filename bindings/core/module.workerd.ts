import module from "../../build/core.wasm";

/** The compiled core, imported as a Module: for runtimes that refuse to compile WebAssembly from bytes. */
export const coreModule: WebAssembly.Module = module;
