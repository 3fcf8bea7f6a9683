// `npm run docs`: the documentation as static files in build/site, for any server of files and any folder. The guides are docs/*.md,
// the reference is what TypeDoc reads in bindings/, the front page is the README; the playground and the experiment of
// docs/recurrent-networks.md are built into it. A warning is an error.
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Application } from "typedoc";
import { bundlePage } from "../scripts/bundle-page.mjs";
import { pages, root } from "./pages.mjs";
import { categoryNames, load, loadMarkdown } from "./theme.mjs";

const out = join(root, "build/site");
const entries = ["index", "run", "onnx", "formats"];

const app = await Application.bootstrap({
  name: "unrolled",
  entryPoints: entries.map((name) => join(root, `bindings/${name}.ts`)),
  tsconfig: join(import.meta.dirname, "tsconfig.json"),
  skipErrorChecking: true, // `npm run typecheck` checks
  readme: join(root, "README.md"),
  projectDocuments: pages.map((page) => join(root, page)),
  out,
  router: "site",
  theme: "site",
  customCss: join(import.meta.dirname, "site.css"),
  customJs: join(import.meta.dirname, "site.js"),
  favicon: join(root, "playground/icon.svg"),
  excludeInternal: true,
  excludePrivate: true,
  disableGit: true,
  sourceLinkTemplate: "site:source/{path}.html#L{line}",
  displayBasePath: root,
  sort: ["kind", "source-order"],
  kindSortOrder: [
    "Document",
    "Module",
    "Class",
    "Function",
    "Variable",
    "Interface",
    "TypeAlias",
    "Constructor",
    "Property",
    "Accessor",
    "Method",
  ],
  categoryOrder: categoryNames,
  markdownItOptions: { html: true, linkify: false },
  navigation: { includeCategories: true, includeGroups: false, includeFolders: false },
  includeHierarchySummary: false,
  headings: { readme: false, document: false },
  hideGenerator: true,
  navigationLinks: { Playground: "site:playground/index.html" },
  highlightLanguages: [
    "bash",
    "css",
    "html",
    "javascript",
    "json",
    "markdown",
    "python",
    "sh",
    "text",
    "typescript",
    "yaml",
  ],
  lightHighlightTheme: "github-light-high-contrast",
  darkHighlightTheme: "github-dark-high-contrast",
  searchInComments: true,

  searchInDocuments: true,
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  validation: { notExported: true, invalidLink: true, invalidPath: true, rewrittenLink: true, notDocumented: false },
  markdownItLoader: loadMarkdown,
});
load(app);

const project = await app.convert();
if (!project) process.exit(1);
app.validate(project);
rmSync(out, { recursive: true, force: true });
await app.generateOutputs(project);
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exit(1);

cpSync(join(root, "dist/playground"), join(out, "playground"), { recursive: true });
await bundlePage(
  ["experiment.ts", "experiment.css"].map((name) => join(import.meta.dirname, "experiment", name)),
  join(out, "experiment"),
);
