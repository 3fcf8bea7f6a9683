// Sizes of apps as a bundler makes them from the package, and of the core. A KB is 1,024 bytes.
const KB = 1024;

/**
 * @param {string} name
 * @param {string} path
 * @param {number} gzip KB
 * @param {number} brotli KB
 */
const compressed = (name, path, gzip, brotli, how = {}) => [
  { name: `${name}, gzip`, path, gzip: true, limit: `${gzip * KB} B`, ...how },
  { name: `${name}, brotli`, path, limit: `${brotli * KB} B`, ...how },
];

/** @type {typeof compressed} */
const app = (name, file, gzip, brotli) =>
  compressed(name, `test/size/${file}`, gzip, brotli, {
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...config, format: "esm", tsconfigRaw: {} }),
  });

export default [
  ...app("an app that runs an LSTM", "run.js", 20, 18),
  ...app("an app that trains an LSTM", "train.js", 57, 50),
  ...app("a page that cuts text into tokens", "text.js", 2, 2),
  ...app("everything", "everything.js", 90, 78),
  // Beside the library itself, which it takes from the main entry.
  ...compressed("unrolled/formats", "dist/formats.js", 16, 15, {
    ignore: ["unrolled"],
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...config, format: "esm", tsconfigRaw: {} }),
  }),
  ...compressed("unrolled/onnx", "dist/onnx.js", 29, 26, {
    ignore: ["unrolled"],
    modifyEsbuildConfig: (/** @type {object} */ config) => ({ ...config, format: "esm", tsconfigRaw: {} }),
  }),
  {
    name: "core.wasm",
    path: "dist/core.wasm",
    brotli: false,
    limit: `${48 * KB} B`,
    disablePlugins: ["@size-limit/esbuild"],
  },
  ...compressed("core.wasm", "dist/core.wasm", 20, 18, { disablePlugins: ["@size-limit/esbuild"] }),
];
