/** Damaged ONNX files: only a FormatError, whatever the bytes. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { FormatError } from "../bindings/index.ts";
import { readOnnx } from "../bindings/onnx.ts";
import { readOnnxFolder } from "./conformance/onnx.ts";
import { readMutations } from "./onnxBadInput.ts";
import { errorOf, expectError } from "./support.ts";

const files = readOnnxFolder(fileURLToPath(new URL("onnx", import.meta.url))).map(({ bytes }) => bytes);
const corpus = JSON.parse(readFileSync(new URL("onnx/corpus.json", import.meta.url), "utf8")) as {
  name: string;
  code: string;
  message: string;
  base64: string;
}[];

describe("mutations that were once read wrongly", () => {
  test.each(corpus)("$name", async ({ code, message, base64 }) => {
    const error = await errorOf(() => readOnnx(new Uint8Array(Buffer.from(base64, "base64"))));
    expectError(error, FormatError, /^onnx: /);
    expect(error).toMatchObject({ code, message });
  });
});

test("2,000 mutations of the models", () => {
  readMutations(files, 2000, 1);
});

test("every file cut at any place", () => {
  const [bytes] = files;
  for (let end = 0; end < bytes!.length; end++) expect(() => readOnnx(bytes!.subarray(0, end))).toThrow(FormatError);
});
