/** `npm run conformance:onnx -- DIR`: the library as it ships, from dist/, against a folder of ONNX models. */

import type { Library } from "./case.ts";
import { type Libraries, mainOnnx } from "./onnx.ts";

// By their paths. The second imports "unrolled", which dist.tsconfig.json, unlike tsconfig.json, does not take to the sources.
const { FormatError, tensor } = (await import(new URL("../../dist/index.js", import.meta.url).href)) as Library;
const { readOnnx } = (await import(new URL("../../dist/onnx.js", import.meta.url).href)) as Libraries;

process.exitCode = mainOnnx({ FormatError, tensor, readOnnx }, process.argv.slice(2), (line) => console.log(line));
