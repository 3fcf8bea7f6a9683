import { parseArgs } from "node:util";

const common = `  --only W4,W1/lstm    these workloads only: groups, cells of a group or single sizes (W4/lstm/128)
  --quick              few samples: to see that it runs, not how fast
  --json FILE          everything that was measured, as JSON
  --help               this text`;

export const usage = `npm run bench -- [options]

${common}
  --sizes              the share of P over hidden sizes 1 to 300, training and streaming, and the dips in it
  --scaling            time and memory over steps, batch, hidden size and layers; draws docs/scaling.svg
  --kernels            matrix products and activations alone
  --variants           the variants of the recurrent layers beside the plain ones
  --profile            where the time of a training step goes: of W4/lstm/128, or of those of --only`;

export const browserUsage = `npm run bench:browser -- [options]

${common}`;

/** @typedef {{ only: string | undefined, json: string | undefined, quick: boolean }} CommonOptions */
/** @typedef {CommonOptions & { mode: "workloads" | "sizes" | "scaling" | "kernels" | "variants" | "profile" | "help" }} Options */

const flag = /** @type {const} */ ({ type: "boolean", default: false });
const text = /** @type {const} */ ({ type: "string" });

/**
 * @param {string[]} args
 * @returns {Options}
 * @throws TypeError, RangeError on what it does not know
 */
export function readOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      only: text,
      json: text,
      quick: flag,
      sizes: flag,
      scaling: flag,
      kernels: flag,
      variants: flag,
      profile: flag,
      help: flag,
    },
  });
  const modes = /** @type {const} */ (["help", "sizes", "scaling", "kernels", "variants", "profile"]).filter(
    (mode) => values[mode],
  );
  if (modes.length > 1) throw new RangeError(`--${modes.join(" and --")}: one at a time`);
  const { only, json, quick } = values;
  return { only, json, quick, mode: modes[0] ?? "workloads" };
}

/**
 * @param {string[]} args
 * @returns {CommonOptions & { help: boolean }}
 * @throws TypeError on what it does not know
 */
export function readBrowserOptions(args) {
  const { values } = parseArgs({ args, options: { only: text, json: text, quick: flag, help: flag } });
  const { only, json, quick, help } = values;
  return { only, json, quick, help };
}
