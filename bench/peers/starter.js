/** node starter.js FILE MODEL: runs an app and prints how long after the start of the process its output was there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [file, model] = process.argv.slice(2);
const tfjs = join(import.meta.dirname, "node_modules/@tensorflow/tfjs-backend-wasm/dist/");
const { run } = await import(`./apps/${file}`);
const output = await run({ model: readFileSync(model), tfjs });
const ms = performance.now();
if (!Number.isFinite(output)) throw new Error(`the output is ${output}`);
console.log(ms);
process.exit();
