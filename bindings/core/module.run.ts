import { bytes } from "../../build/run-bytes.ts";
import { compile } from "./compile.ts";

/** As module.ts, of the core that only runs networks. */
export const coreModule: WebAssembly.Module = /*#__PURE__*/ compile(bytes);
