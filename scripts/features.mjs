// Writes docs/features.md: every layer, loss, optimizer and schedule as the sources declare them, with the tests that prove each.
// With --check nothing is written, and a page that is not what it would be is an error.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import prettier from "prettier";
import ts from "typescript";

const root = join(import.meta.dirname, "..");
const page = "docs/features.md";

/** The tables: a heading, the folder of the sources, what a function of the table returns, and the tests of all its rows. */
const tables = [
  { heading: "Layers", folder: "layers", returns: /^\w+Layer$/, tests: ["agreement", "conformance"] },
  { heading: "Losses", folder: "losses", returns: /^Loss$/, tests: ["loss", "losses", "conformance"] },
  { heading: "Optimizers", folder: "optimizers", returns: /^Optimizer$/, tests: ["optimizer", "conformance"] },
  {
    heading: "Learning-rate schedules",
    folder: "schedules",
    returns: /^Schedule$/,
    tests: ["schedule", "conformance"],
  },
];

/** Tests of one row beside those of its table and that of its own name. @type {Record<string, string[]>} */
const moreTests = {
  activation: ["math"],
  attention: ["encoderDecoder"],
  crfLoss: ["crf"],
  crossEntropy: ["weights"],
  dropout: ["overfitting"],
  embedding: ["dropout"],
  elman: ["recurrentVariants", "plain"],
  gru: ["recurrentVariants", "plain"],
  last: ["data"],
  lstm: ["recurrentVariants", "plain"],
  repeat: ["training"],
};

/** PyTorch's vectors in test/golden, by what they are called there. @type {Record<string, string>} */
const rowOfVector = {
  ...{ rnn_tanh: "elman", rnn_relu: "elman", gru_reset_before: "gru", lstm_peephole: "lstm", rnn: "elman" },
  ...{ linear: "dense", embedding: "embedding", layer_norm: "layerNorm", batch_norm: "batchNorm" },
  ...{ attention_dot: "attention", attention_additive: "attention", mdn_nll: "gaussianMixture" },
  ...{ mse: "meanSquaredError", l1: "meanAbsoluteError", smooth_l1: "smoothL1", kl_div: "klDivergence" },
  ...{ bce: "binaryCrossEntropy", bce_with_logits: "binaryCrossEntropy", cross_entropy: "crossEntropy" },
  nll: "negativeLogLikelihood",
};

/** Schedules in the vectors of training. @type {Record<string, string>} */
const schedules = {
  ...{ step: "stepDecay", multistep: "multiStep", exponential: "exponentialDecay", cosine: "cosineAnnealing" },
  ...{ linear: "linearWarmup", onecycle: "oneCycle" },
};

const vectors = countVectors();
const parts = tables.map(({ heading, folder, returns, tests }) => {
  const rows = functionsOf(folder, returns).map(({ name, signature, text, file }) => {
    const known = [name, ...tests, ...(moreTests[name] ?? [])];
    const links = [...new Set(known)]
      .filter((test) => mentions(test, name))
      .map((test) => `[${test}](../${pathOf(test)})`);
    if (links.length === 0) throw new Error(`no test of ${name} is known: name one in scripts/features.mjs`);
    const source = `[\`${signature}\`](../${file})`;
    return `| ${source} | ${text} | ${vectors.get(name) ?? "–"} | ${links.join(", ")} |`;
  });
  return `## ${heading}\n\n| function | what it is | PyTorch's vectors | tests |\n|---|---|--:|---|\n${rows.join("\n")}\n`;
});

const introduction = `# Features

Written by \`npm run features\` from the sources; a test holds this page to them. Each row leads to its source and to the tests
that prove it: against a plain f64 reference that central differences have passed, and against PyTorch's vectors where PyTorch
has it (\`npm run conformance -- test/golden\` runs all of those).
`;
const config = { ...(await prettier.resolveConfig(join(root, page))), filepath: page };
const text = await prettier.format([introduction, ...parts].join("\n"), config);
if (!process.argv.includes("--check")) {
  writeFileSync(join(root, page), text);
} else if (!existsSync(join(root, page)) || readFileSync(join(root, page), "utf8") !== text) {
  throw new Error(`${page} is not what the sources say: run "npm run features"`);
}

/**
 * The exported functions of a folder that return a type, with their first sentence.
 * @param {string} folder
 * @param {RegExp} returns
 */
function functionsOf(folder, returns) {
  const files = readdirSync(join(root, "bindings", folder)).filter((file) => file.endsWith(".ts"));
  const found = files.flatMap((name) => {
    const file = `bindings/${folder}/${name}`;
    const source = ts.createSourceFile(file, readFileSync(join(root, file), "utf8"), ts.ScriptTarget.Latest, true);
    return source.statements.filter(ts.isFunctionDeclaration).flatMap((declared) => {
      const isExported = declared.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
      const type = declared.type?.getText() ?? "";
      if (!isExported || !declared.name || !returns.test(type) || declared.name.text.startsWith("expect")) return [];
      const parameters = declared.parameters.map(
        (parameter) => parameter.name.getText() + (parameter.initializer || parameter.questionToken ? "?" : ""),
      );
      const signature = `${declared.name.text}(${parameters.join(", ")})`;
      return [{ name: declared.name.text, signature, text: firstSentence(declared), file }];
    });
  });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** @param {ts.FunctionDeclaration} declared */
function firstSentence(declared) {
  const [doc] = ts.getJSDocCommentsAndTags(declared).filter(ts.isJSDoc);
  const comment = (ts.getTextOfJSDocComment(doc?.comment) ?? "").replaceAll(/\s+/g, " ").trim();
  const [sentence = ""] = /^(`[^`]*`|[^`])*?(?<!al|cf)[.:](?= |$)/.exec(comment) ?? [];
  if (sentence === "") throw new Error(`${declared.name?.text} has no docstring`);
  return sentence.replace(/[.:]$/, "").replaceAll("|", "\\|");
}

/** @param {string} test */
function pathOf(test) {
  return `test/${test}.test.ts`;
}

/** Whether a test is there and names a function. @param {string} test @param {string} name */
function mentions(test, name) {
  const path = join(root, pathOf(test));
  return (
    existsSync(path) &&
    (test === "conformance" ? vectors.has(name) : new RegExp(`\\b${name}\\b`).test(readFileSync(path, "utf8")))
  );
}

/** How many of PyTorch's vectors there are of each row. */
function countVectors() {
  const { cases } = JSON.parse(readFileSync(join(root, "test/golden/manifest.json"), "utf8"));
  const counts = new Map();
  for (const { id, kind, config } of cases) {
    const special = kind === "training" ? String(config.optimizer).replace(/-.*/, "") : (config.cell ?? config.mode);
    const name = special ?? config.op ?? config.loss ?? config.variant ?? id;
    const rows = [
      ...(kind === "crf" ? ["crf", "crfLoss"] : []),
      rowOfVector[name] ?? (kind === "op" ? "activation" : name),
      schedules[config.schedule?.split("(")[0]],
    ];
    for (const row of rows) if (row) counts.set(row, (counts.get(row) ?? 0) + 1);
  }
  return counts;
}
