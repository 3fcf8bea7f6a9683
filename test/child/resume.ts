/** Takes up a run in a process of its own: `resume.ts name checkpoint` prints what it ends with. */

import { readFileSync } from "node:fs";
import { finish, runs } from "./runs.ts";

const [name = "", path = ""] = process.argv.slice(2);
const run = runs[name]!;
const end = await finish(run.make(999), run, readFileSync(path)); // the seed must not matter
console.log(JSON.stringify(end));
