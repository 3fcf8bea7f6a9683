/** `npm run conformance -- DIR`: the library as it ships, from dist/, against a folder of vectors. */

import { type Library, main } from "./conformance.ts";

// By its path: tsx takes "unrolled" to the sources, as tsconfig.json says.
const library = (await import(new URL("../../dist/index.js", import.meta.url).href)) as Library;

process.exitCode = main(library, process.argv.slice(2), (line) => console.log(line));
