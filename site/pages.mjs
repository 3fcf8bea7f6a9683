// The Markdown pages of the site and the order in which its navigation shows them. A page of docs/ that is not named here comes last
// under Guides, or in the group that its front matter names; a name without a page is an error.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");

/** Groups with their pages, by path in the repository. @type {Record<string, string[]>} */
const groups = {
  Start: ["docs/start.md"],
  Guides: [
    ...[
      "shapes",
      "forms",
      "recurrent-networks",
      "training",
      "encoder-decoder",
      "streaming",
      "gradients",
      "migrating",
    ].map((name) => `docs/${name}.md`),
    "examples/README.md",
  ],
  Reference: ["command", "features", "formats", "onnx", "errors", "determinism", "limits"].map(
    (name) => `docs/${name}.md`,
  ),
  Evidence: ["docs/proofs.md", "docs/performance.md", "docs/size.md", "bench/README.md"],
  Project: ["CHANGELOG.md", "CONTRIBUTING.md"],
};

const listed = Object.values(groups).flat();
const missing = listed.filter((path) => !existsSync(join(root, path)));
if (missing.length > 0) throw new Error(`site/pages.mjs names ${missing.join(", ")}: there is no such page`);

/** @param {string} folder @returns {string[]} */
const markdownOf = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `${folder}/${name}`);

/** @param {string} folder */
const foldersOf = (folder) =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "node_modules")
    .map(({ name }) => `${folder}/${name}`);

/** All of the repository but the front page: what is not in the navigation is reached by links. */
export const pages = [
  ...new Set([
    ...listed,
    ...["docs", "playground", ...["bench", "examples", "test"].flatMap((name) => [name, ...foldersOf(name)])].flatMap(
      markdownOf,
    ),
  ]),
];

/** Where the navigation shows a page, if it does. @param {string} path @param {unknown} group of the page's front matter */
export function groupOf(path, group) {
  if (typeof group === "string") return group;
  const own = Object.entries(groups).find(([, paths]) => paths.includes(path));
  return own?.[0] ?? (path.startsWith("docs/") ? "Guides" : undefined);
}

export const groupNames = Object.keys(groups);
