// The end of `npm run docs`: every link of build/site leads to a file of it and to an anchor in that file. Links to elsewhere are not
// followed: they are held to https and to being well-formed. What the Markdown files link to is checked when the site is built.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { Parser } from "htmlparser2";

const MOST = 40; // that are named
const site = join(import.meta.dirname, "../build/site");

/** @typedef {{ anchors: Set<string>, links: string[] }} Page */

/** @param {string} file @returns {Page} */
function read(file) {
  const page = { anchors: new Set(), links: /** @type {string[]} */ ([]) };
  const parser = new Parser({
    onopentag(_, { id, href, src }) {
      if (id !== undefined) page.anchors.add(id);
      page.links.push(...[href, src].filter((link) => link !== undefined));
    },
  });
  parser.end(readFileSync(file, "utf8"));
  return page;
}

/** @type {Map<string, Page>} */
const pages = new Map();
for (const entry of readdirSync(site, { recursive: true, encoding: "utf8" })) {
  if (entry.endsWith(".html")) pages.set(join(site, entry), read(join(site, entry)));
}

/** What is wrong with a link, if anything. @param {string} from @param {string} link */
function faultOf(from, link) {
  if (/^[a-z][a-z+.-]*:/i.test(link)) {
    if (!URL.canParse(link)) return "is not well-formed";
    return /^(https:\/\/|data:|mailto:)/.test(link) ? undefined : "is not https";
  }
  if (link.startsWith("/")) return "leads out of the site's folder";
  const [path = "", anchor = ""] = link.split("#");
  const file = join(dirname(from), decodeURIComponent(path.replace(/\?.*/, "")));
  const target =
    path === "" ? from : existsSync(file) && statSync(file).isDirectory() ? join(file, "index.html") : file;
  if (relative(site, target).startsWith("..") || !existsSync(target)) return "leads to no file";
  const page = pages.get(target);
  if (page && anchor !== "" && !page.anchors.has(decodeURIComponent(anchor))) return "leads to no anchor";
  return undefined;
}

let [links, faults] = [0, 0];
for (const [from, page] of pages) {
  for (const link of new Set(page.links)) {
    links++;
    const fault = faultOf(from, link);
    if (fault === undefined) continue;
    faults++;
    if (faults <= MOST) console.error(`${relative(site, from)}: "${link}" ${fault}`);
  }
}
if (pages.size === 0) throw new Error("there is no site: npm run docs builds it");
console.log(`${pages.size} pages, ${links} links, ${faults} broken`);
process.exitCode = faults > 0 ? 1 : 0;
