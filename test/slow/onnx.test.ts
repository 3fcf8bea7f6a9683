/** 100,000 damaged ONNX files. */

import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { readOnnxFolder } from "../conformance/onnx.ts";
import { readMutations } from "../onnxBadInput.ts";

const files = readOnnxFolder(fileURLToPath(new URL("../onnx", import.meta.url))).map(({ bytes }) => bytes);

test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])("10,000 mutations of the models, seed %i", (seed) => {
  readMutations(files, 10_000, seed);
});
