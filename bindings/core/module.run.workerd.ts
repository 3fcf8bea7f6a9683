import module from "../../build/run.wasm";

/** As module.workerd.ts, of the core that only runs networks. */
export const coreModule: WebAssembly.Module = module;
