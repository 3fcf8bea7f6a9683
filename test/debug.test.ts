import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { instantiateSync } from "@assemblyscript/loader";
import { afterAll, expect, test } from "vitest";
import type { CoreFunctions } from "../bindings/core/core.ts";

const root = new URL("..", import.meta.url).pathname;
const folder = mkdtempSync(join(root, "build", "debug-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("the debug build turns a broken assertion into an Error with file and line", () => {
  const file = join(folder, "core.wasm");
  const asc = join(root, "node_modules/assemblyscript/bin/asc.js");
  execFileSync(process.execPath, [asc, "assembly/index.ts", "--target", "debug", "--outFile", file], { cwd: root });
  const { matmul, dropoutForward, heapBase } = instantiateSync<CoreFunctions>(readFileSync(file)).exports;
  const at = (heapBase.value + 15) & ~15;
  expect(() => matmul(at, 8, 0, 0, at, 4, at, 1, 5, 4)).toThrow(/N must be a multiple of 4.*matmul\.ts:\d+/);
  expect(() => dropoutForward(at, at, at, 4, 1)).toThrow(/rate must be in \[0, 1\).*dropout\.ts:\d+/);
  expect(() => matmul(at, 8, 0, 0, at, 4, at, 1, 8, 4)).not.toThrow();
}, 60_000);
