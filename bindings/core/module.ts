import { bytes } from "../../build/core-bytes.ts";
import { compile } from "./compile.ts";

/** The compiled core, from bytes inlined in the bundle: for every runtime that compiles WebAssembly from bytes. */
export const coreModule: WebAssembly.Module = /*#__PURE__*/ compile(bytes);
