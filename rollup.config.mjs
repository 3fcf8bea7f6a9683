import { chmodSync, copyFileSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { basename, join, relative } from "node:path";
import commonjs from "@rollup/plugin-commonjs";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import esbuild from "rollup-plugin-esbuild";

const root = import.meta.dirname;
const library = join(root, "bindings/index.ts");
const runOnly = join(root, "bindings/run.ts");
const onnx = join(root, "bindings/onnx.ts");
const formats = join(root, "bindings/formats.ts");
const errors = join(root, "bindings/errors.ts");
const draw = join(root, "bindings/cli/output/draw.ts");
const coreModule = join(root, "bindings/core/module.ts");
/** What `unrolled/run` has in another form, NAME.run.ts in place of NAME.ts. */
const inPlace = ["initializer", "layers/index", "whole"];

/** @typedef {import("rollup").Plugin} Plugin */

/**
 * Sends imports of the source file `from` to `to`.
 * @param {string} from
 * @param {import("rollup").PartialResolvedId} to
 * @returns {Plugin}
 */
const redirect = (from, to) => ({
  name: "redirect",
  async resolveId(source, importer, options) {
    if (importer === undefined || !source.startsWith(".")) return null;
    const resolved = await this.resolve(source, importer, { ...options, skipSelf: true });
    return resolved?.id === from ? to : null;
  },
});

/** @param {string} name of a source file that `unrolled/run` has in another form */
const runInstead = (name) => redirect(join(root, `bindings/${name}.ts`), { id: join(root, `bindings/${name}.run.ts`) });

/**
 * Leaves the import of a core in the output, beside which it lies.
 * @type {Plugin}
 */
const wasmBeside = {
  name: "wasm-beside",
  resolveId: (source) => (source.endsWith(".wasm") ? { id: `./${basename(source)}`, external: true } : null),
};

/** @type {Plugin} */
const copyCores = {
  name: "copy-cores",
  buildStart() {
    mkdirSync("dist", { recursive: true });
    for (const file of ["core.wasm", "run.wasm"]) copyFileSync(`build/${file}`, `dist/${file}`);
  },
};

/** @type {Plugin} */
const executable = {
  name: "executable",
  transform: (code) => (code.startsWith("#!") ? { code: code.slice(code.indexOf("\n")), map: null } : null),
  writeBundle: ({ file }) => chmodSync(/** @type {string} */ (file), 0o755),
};

/**
 * What stands beside the library reaches it through its public entry; anything past it would be in the package twice.
 * @param {RegExp} own sources that are its own, or small and without a state
 * @returns {Plugin}
 */
const publicOnly = (own) => ({
  name: "public-only",
  load(id) {
    const path = relative(root, id);
    if (path.startsWith("bindings/") && !own.test(path)) {
      this.warn(`${path} is bundled a second time: import it from bindings/index.ts`);
    }
    return null;
  },
});

/**
 * Writes the licences of the packages bundled into a file next to it.
 * @param {string} fileName
 * @param {readonly string[]} compiled packages that are in it in another form
 * @returns {Plugin}
 */
const licenses = (fileName, compiled = []) => ({
  name: "licenses",
  generateBundle(_options, bundle) {
    const bundled = new Set(compiled.map((name) => join(root, "node_modules", name)));
    for (const output of Object.values(bundle)) {
      for (const id of output.type === "chunk" ? Object.keys(output.modules) : []) {
        const match = /.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(id.replaceAll("\\", "/"));
        if (match && !id.startsWith("\0")) bundled.add(match[0]);
      }
    }
    const source = [...bundled]
      .sort()
      .map(licenseOf)
      .join(`\n${"-".repeat(80)}\n\n`);
    if (source !== "") this.emitFile({ type: "asset", fileName, source });
  },
});

/** @param {string} directory */
function licenseOf(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, "package.json"), "utf8"));
  const files = readdirSync(directory).filter((file) => /^(licen[cs]e|notice)/i.test(file));
  if (files.length === 0) throw new Error(`${name} has no licence file`);
  return [
    `${name} ${version} (${license})\n`,
    ...files.map((file) => readFileSync(join(directory, file), "utf8")),
  ].join("\n");
}

/** Methods and public fields by which networks learn. */
const learning = new Set([
  ...[
    "backward",
    "backwardBoth",
    "drop",
    "enterOutputGradient",
    "enterTargets",
    "enterWeights",
    "gradient",
    "initialStates",
    "kept",
    "lossGradientSize",
    "order",
    "packBackward",
    "packHiddenRows",
    "permutation",
    "planBackward",
    "planLoss",
  ],
  ...["randomState", "recurrences", "replan", "reserveSlots", "room", "saved", "scratch", "slot", "updateBuffers"],
  ...["weights", "zeroGradients"],
]);

/** Fields that only these read. */
const learningFields = new Set([
  ...[
    "#dropout",
    "#mask",
    "#packedBackward",
    "#paddingIndex",
    "#startsLearnt",
    "canBackward",
    "classWeights",
    "dOutput",
    "flow",
    "traced",
    "projection",
    "slotOwner",
  ],
  ...["targets", "wHhRows", "wIhRows"],
]);

/**
 * Leaves out of classes what only learning needs, as bundlers cannot drop methods, and takes `training` for false.
 * @type {Plugin}
 */
const withoutLearning = {
  name: "without-learning",
  transform(code) {
    let kept = code;
    for (const { start, end, name, isMethod } of membersOf(this.parse(code)).reverse()) {
      const isLearning = isMethod ? learning.has(name.replace("#", "")) : learningFields.has(name);
      if (isLearning) kept = kept.slice(0, start) + kept.slice(end);
    }
    kept = kept.replace(/\bthis\.(#?\w+) = [^;]*;/g, (set, name) => (learningFields.has(name) ? ";" : set));
    return { code: kept.replace(/\btraining (?=\?|&&)|\bpurpose !== "run"/g, "false "), map: null };
  },
};

/**
 * The members of the classes that a module declares, from its first to its last.
 * @param {import("estree").Program} program
 */
function membersOf(program) {
  return program.body.flatMap((statement) => {
    const declared = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (declared?.type !== "ClassDeclaration") return [];
    return declared.body.body.flatMap((member) => {
      if (member.type === "StaticBlock" || !("name" in member.key)) return [];
      const { start, end } = /** @type {{ start: number, end: number }} */ (/** @type {unknown} */ (member));
      const { type, name } = member.key;
      const isMethod = member.type === "MethodDefinition";
      return [{ start, end, name: type === "PrivateIdentifier" ? `#${name}` : name, isMethod }];
    });
  });
}

const typescript = () => esbuild({ target: "es2022", tsconfig: false, charset: "utf8", loaders: { ".json": "json" } });
const watch = { exclude: "dist/**" };

/**
 * The outputs of one entry.
 * @param {string} input
 * @param {string} name of the files
 * @param {string} core which core it has
 * @param {string} suffix of the files for hosts that refuse to compile bytes
 * @returns {import("rollup").RollupOptions[]}
 */
function entry(input, name, core, suffix) {
  const moduleOf = (/** @type {string} */ kind) => ({ id: join(root, `bindings/core/module${kind}.ts`) });
  const kind = core === "core" ? "" : `.${core}`;
  const source = [
    ...(core === "run" ? inPlace.map(runInstead) : []),
    nodeResolve(),
    typescript(),
    ...(core === "run" ? [withoutLearning] : []),
  ];
  return [
    {
      input,
      output: { file: `dist/${name}.js`, format: "es", sourcemap: true },
      plugins: [
        copyCores,
        redirect(coreModule, moduleOf(kind)),
        ...source,
        licenses(`${name}.licenses.txt`, ["assemblyscript"]),
      ],
      watch,
    },
    {
      input,
      // One for each way in which a host names a compiled module.
      output: [
        { file: `dist/${suffix}workerd.js`, format: "es", sourcemap: true },
        {
          file: `dist/${suffix}edge-light.js`,
          format: "es",
          sourcemap: true,
          paths: { [`./${core}.wasm`]: `./${core}.wasm?module` },
        },
      ],
      plugins: [redirect(coreModule, moduleOf(`${kind}.workerd`)), wasmBeside, ...source],
      watch,
    },
  ];
}

/**
 * An entry beside the library. Networks and errors are those of the main entry, of which each host takes its own form.
 * @param {string} input
 * @param {string} name
 * @param {Plugin[]} more
 * @returns {import("rollup").RollupOptions}
 */
const besideLibrary = (input, name, ...more) => ({
  input,
  output: { file: `dist/${name}.js`, format: "es", sourcemap: true },
  plugins: [
    ...[library, errors].map((file) => redirect(file, { id: "unrolled", external: true })),
    ...more,
    nodeResolve(),
    typescript(),
    licenses(`${name}.licenses.txt`),
  ],
  watch,
});

/** @type {import("rollup").RollupOptions[]} */
export default [
  ...entry(library, "index", "core", ""),
  ...entry(runOnly, "run", "run", "run."),
  besideLibrary(formats, "formats"),
  besideLibrary(onnx, "onnx", publicOnly(/^bindings\/(onnx\b|io\/gates|validate|whole)/)),
  {
    input: join(root, "bindings/cli/index.ts"),
    output: { file: "dist/cli.js", format: "es", banner: "#!/usr/bin/env node", paths: { unrolled: "./index.js" } },
    external: [/^node:/, "unrolled"],
    plugins: [
      redirect(draw, { id: "./cli.draw.js", external: true }),
      redirect(library, { id: "./index.js", external: true }),
      redirect(formats, { id: "./formats.js", external: true }),
      redirect(onnx, { id: "./onnx.js", external: true }),
      publicOnly(/^bindings\/cli\//),
      executable,
      nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }),
      commonjs(),
      typescript(),
      licenses("cli.licenses.txt"),
    ],
    watch,
  },
  {
    // Drawing takes more code than all else of the command, which loads it for --plot alone.
    input: draw,
    output: { file: "dist/cli.draw.js", format: "es" },
    external: /^node:/,
    plugins: [
      nodeResolve({ preferBuiltins: true, exportConditions: ["node"] }),
      commonjs(),
      esbuild({ target: "es2022", tsconfig: false, charset: "utf8", minify: true }),
      licenses("cli.draw.licenses.txt"),
    ],
    watch,
  },
];
