import { build } from "esbuild";

/** Scripts and styles of a page as static files, with the package as it is published. @param {string[]} entryPoints @param {string} outdir */
export function bundlePage(entryPoints, outdir) {
  return build({
    ...{ entryPoints, outdir, entryNames: "[name]", bundle: true, format: "esm", target: "es2022", charset: "utf8" },
    minify: true,
    tsconfigRaw: {}, // the repository's leads to the sources instead of the package
    logLevel: "warning",
  });
}
