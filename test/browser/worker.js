// The program that all runtimes run, in a module worker.
import * as library from "/node_modules/unrolled/dist/index.js";
import * as small from "/node_modules/unrolled/dist/run.js";
import { run } from "../runtimes/program.js";

run(library, small).then(postMessage, (error) => postMessage({ error: String(error) }));
