import { base64 } from "../../build/core-bytes.ts";

/** The compiled core, from bytes inlined in the bundle: for every runtime that compiles WebAssembly from bytes. */
export const coreModule: WebAssembly.Module = /*#__PURE__*/ new WebAssembly.Module(/*#__PURE__*/ decode());

/** In a page, a loop; elsewhere Buffer, which does it in a tenth of the time. Uint8Array.from() would take 20 ms. */
function decode(): Uint8Array<ArrayBuffer> {
  const { Buffer } = globalThis as { Buffer?: { from: (text: string, encoding: "base64") => Uint8Array<ArrayBuffer> } };
  if (Buffer) return Buffer.from(base64, "base64");
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
