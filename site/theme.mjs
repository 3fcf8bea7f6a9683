// What the site adds to TypeDoc: titles of pages from their headings, addresses from their paths, the navigation, and the sources that
// pages lead to as pages of their own.
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { extname, join, relative } from "node:path";
import { katex } from "@mdit/plugin-katex";
import {
  Comment,
  CommentTag,
  Converter,
  DefaultTheme,
  DocumentReflection,
  IndexEvent,
  KindRouter,
  PageEvent,
  ReferenceReflection,
  Reflection,
  ReflectionKind,
  normalizePath,
} from "typedoc";
import { groupNames, groupOf, pages, root } from "./pages.mjs";

/** @import { Application, CommentDisplayPart, Context, NavigationElement, NormalizedPath, ProjectReflection } from "typedoc" */

/** @typedef {Parameters<typeof import("@mdit/plugin-katex").katex>[0]} Markdown */

const languages = /** @type {Record<string, string>} */ ({
  ".ts": "typescript",
  ".js": "javascript",
  ".mjs": "javascript",
  ".json": "json",
  ".py": "python",
  ".css": "css",
  ".html": "html",
  ".md": "markdown",
});

/** The address of a page of Markdown or of a source, by its path in the repository. @type {WeakMap<Reflection, string>} */
const addresses = new WeakMap();
/** @type {WeakSet<Reflection>} */
const sources = new WeakSet();

/** @param {Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => namePage(document));
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, addCategories);
  app.converter.on(Converter.EVENT_END, ({ project }) => addSources(project));
  app.renderer.defineRouter("site", SiteRouter);
  app.renderer.defineTheme("site", SiteTheme);
  app.renderer.on(PageEvent.END, (page) => {
    finish(page);
    if (page.contents?.includes("katex-error")) app.logger.error(`${page.url} has a formula that KaTeX does not take`);
  });
  app.renderer.on(IndexEvent.PREPARE_INDEX, (event) => {
    for (let k = event.searchResults.length - 1; k >= 0; k--) {
      const result = event.searchResults[k];
      if (result && sources.has(result)) event.removeResult(k);
    }
  });
}

/** What stands in the repository at this path, as a link may name it. @param {string} path */
const placeOf = (path) => relative(root, path).replaceAll("\\", "/");

/** A page is called what its first heading says. @param {DocumentReflection} document */
function namePage(document) {
  const text = document.content.map((part) => part.text).join("");
  const heading = /^# (.+)$/m.exec(text)?.[1];
  const path = document.project.files.getReflectionPath(document);
  if (path === undefined || heading === undefined) throw new Error(`${path}: a page begins with "# its title"`);
  document.name = heading.replaceAll("`", "");
  addresses.set(
    document,
    placeOf(path)
      .replace(/^docs\/|\.md$/g, "")
      .toLowerCase(),
  );
}

/** Names of a module are shown by the folder that their source is in. */
const categories = /** @type {[category: string, folder: RegExp][]} */ ([
  ["Layers", /^bindings\/(layers\/|(activation|initializer)\.ts)/],
  ["Losses", /^bindings\/losses\//],
  ["Optimizers and schedules", /^bindings\/(optimizers|schedules)\//],
  ["Data", /^bindings\/data\//],
  ["Text", /^bindings\/(generate|sample)\.ts/],
  ["Encoder and decoder", /^bindings\/encoderDecoder\//],
  ["Looking inside", /^bindings\/inspect\//],
  ["Files", /^bindings\/(io|onnx)\//],
]);
const others = "Networks and training";
export const categoryNames = [others, ...categories.map(([category]) => category)];

/** @param {Context} context */
function addCategories({ project }) {
  for (const module of project.children ?? []) {
    for (const reflection of module.children ?? []) {
      const declared = reflection instanceof ReferenceReflection ? reflection.getTargetReflectionDeep() : reflection;
      const [source] = declared.isDeclaration() ? (declared.sources ?? []) : [];
      const path = source ? placeOf(source.fullFileName) : "";
      const [category = others] = categories.find(([, folder]) => folder.test(path)) ?? [];
      reflection.comment ??= new Comment();
      reflection.comment.blockTags.push(new CommentTag("@category", [{ kind: "text", text: category }]));
    }
  }
}

/** Pages for the sources that the guides and the reference lead to. @param {ProjectReflection} project */
function addSources(project) {
  const declared = Object.values(project.reflections).flatMap((reflection) =>
    reflection.isDeclaration() || reflection.isSignature() ? (reflection.sources ?? []) : [],
  );
  const isForeign = (/** @type {string} */ path) => path.includes("/node_modules/"); // JavaScript's own, such as Error
  for (const source of declared) if (isForeign(source.fullFileName)) delete source.url;
  const own = declared.map(({ fullFileName }) => fullFileName).filter((path) => !isForeign(path));
  // A folder's page asks for those of its files, which are added to the set while it is walked through.
  const wanted = new Set([...project.files.getMediaPaths(), ...own].map(normalizePath));
  for (const path of wanted) {
    const isFolder = statSync(path).isDirectory();
    const language = isFolder ? "" : languages[extname(path)];
    if (language === undefined) continue; // a picture, say, is copied as it is
    const content = isFolder ? listOf(project, path, wanted) : [quote(path, language)];
    const title = /** @type {const} */ ({ kind: "text", text: `# ${placeOf(path)}\n\n` });
    const document = new DocumentReflection(placeOf(path), project, [title, ...content], {});
    project.addChild(document);
    project.registerReflection(document, undefined, path);
    addresses.set(document, `source/${placeOf(path)}`);
    sources.add(document);
  }
}

/** @param {string} path @param {string} language @returns {CommentDisplayPart} */
function quote(path, language) {
  return { kind: "code", text: `\`\`\`\`\`${language}\n${readFileSync(path, "utf8")}\n\`\`\`\`\`` };
}

/** @param {ProjectReflection} project @param {string} folder @param {Set<NormalizedPath>} wanted @returns {CommentDisplayPart[]} */
function listOf(project, folder, wanted) {
  const names = readdirSync(folder).filter((name) => extname(name) in languages);
  return names.flatMap((name) => {
    const path = normalizePath(`${folder}/${name}`);
    const { target } = project.files.registerAbsolute(path);
    if (!(project.files.resolve(target, project) instanceof Reflection)) wanted.add(path);
    return [
      { kind: "text", text: `- [${name}](` },
      { kind: "relative-link", text: name, target, targetAnchor: undefined },
      { kind: "text", text: ")\n" },
    ];
  });
}

class SiteRouter extends KindRouter {
  /** @override @param {Reflection} reflection */
  getIdealBaseName(reflection) {
    return addresses.get(reflection) ?? `api/${super.getIdealBaseName(reflection)}`;
  }
}

class SiteTheme extends DefaultTheme {
  /** @override @param {ProjectReflection} project @returns {NavigationElement[]} */
  buildNavigation(project) {
    /** @type {(document: DocumentReflection) => string} */
    const pathOf = (document) => placeOf(project.files.getReflectionPath(document) ?? "");
    const documents = (project.documents ?? [])
      .filter((document) => !sources.has(document))
      .sort((a, b) => pages.indexOf(pathOf(a)) - pages.indexOf(pathOf(b)));
    /** @type {Map<string, NavigationElement[]>} */
    const groups = new Map(groupNames.map((name) => [name, []]));
    for (const document of documents) {
      const path = pathOf(document);
      const group = groupOf(path, document.frontmatter.group);
      if (group === undefined) continue;
      if (!groups.has(group)) throw new Error(`${path}: there is no group "${group}", only ${groupNames.join(", ")}`);
      groups.get(group)?.push({ text: document.name, path: this.router.getFullUrl(document) });
    }
    const modules = super.buildNavigation(project).filter(({ kind }) => kind === ReflectionKind.Module);
    groups.set(
      "API",
      modules.sort((a, b) => (a.text < b.text ? -1 : 1)),
    );
    return [...groups].map(([text, children]) => ({ text, children }));
  }
}

/** TypeDoc's script in each page: a file of its own instead, so that a content security policy without exceptions holds. */
const inline = /<script>(document\.documentElement\.dataset\.theme.*?)<\/script>/;

/** The groups of the navigation that are open until the reader closes them. */
const opened = `
for (const group of ["Start", "Guides", "API"]) {
  const key = "tsd-accordion-" + group;
  if (localStorage.getItem(key) === null) localStorage.setItem(key, "true");
}
`;

/** Addresses from the root of the site, no scripts or styles within the page, and lines of sources to point to. @param {PageEvent} page */
function finish(page) {
  const up = "../".repeat(page.url.split("/").length - 1);
  let html = page.contents ?? "";
  const [, script] = inline.exec(html) ?? [];
  if (script === undefined) throw new Error(`${page.url} has another inline script than expected`);
  writeFileSync(join(page.filename.slice(0, -page.url.length), "assets/first.js"), script + opened);
  html = html.replace(inline, `<script src="${up}assets/first.js"></script>`);
  html = html.replaceAll('href="site:', `href="${up}`).replace(/ style="text-align:(\w+)"/g, ' class="to-$1"');
  html = html.replaceAll("<p class='katex-block'>", '<p class="katex-block" tabindex="0">');
  html = html.replace('<nav class="tsd-navigation">', '<nav class="tsd-navigation" aria-label="Pages">');
  page.contents = sources.has(/** @type {Reflection} */ (page.model)) ? withLines(html) : html;
}

/** Formulas as MathML, which needs no fonts and no scripts, and tables that scroll where they are too wide. @param {Markdown} parser */
export function loadMarkdown(parser) {
  parser.use(katex, { output: "mathml", mathFence: true, logger: () => "error", throwOnError: true });
  parser.renderer.rules.table_open = () => '<div class="wide" role="group" tabindex="0"><table>';
  parser.renderer.rules.table_close = () => "</table></div>";
}

/** @param {string} html */
function withLines(html) {
  return html.replace(/(<pre><code[^>]*>)(.*?)(<\/code>)/s, (_, open, code, close) => {
    const lines = /** @type {string} */ (code).trimEnd().split(/<br\/?>|\n/);
    return open + lines.map((line, k) => `<span id="L${k + 1}">${line}</span>`).join("\n") + close;
  });
}
