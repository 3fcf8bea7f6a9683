// The size of the upload, which must stay below a limit.
import { bundle } from "./bundle.js";

const LIMIT = 70;

const { output } = bundle();
const total = /Total Upload: .* gzip: ([\d.]+) KiB/.exec(output);
if (!total) throw new Error(`wrangler has told no size:\n${output}`);
console.log(total[0]);
if (Number(total[1]) > LIMIT) {
  console.error(`more than ${LIMIT} KiB after gzip`);
  process.exitCode = 1;
}
