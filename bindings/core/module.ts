import { base64 } from "../../build/core-bytes.ts";

/** The compiled core, from bytes inlined in the bundle: for every runtime that compiles WebAssembly from bytes. */
export const coreModule: WebAssembly.Module = /*#__PURE__*/ new WebAssembly.Module(
  /*#__PURE__*/ Uint8Array.from(/*#__PURE__*/ atob(base64), (character) => character.charCodeAt(0)),
);
