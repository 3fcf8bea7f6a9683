// In Node, Deno and Bun: prints what the program gives, as JSON.
import * as library from "unrolled";
import * as small from "unrolled/run";
import { run } from "./program.js";

console.log(JSON.stringify(await run(library, small)));
