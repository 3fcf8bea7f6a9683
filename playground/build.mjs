// The playground as static files in dist/playground, with the package as it is published: the last part of `npm run build`.
import { copyFileSync, cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { bundlePage } from "../scripts/bundle-page.mjs";

const here = import.meta.dirname;
const out = join(here, "../dist/playground");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
await bundlePage(["page.ts", "worker.ts"].map((name) => join(here, "src", name)).concat(join(here, "style.css")), out);
for (const name of ["index.html", "icon.svg"]) copyFileSync(join(here, name), join(out, name));
copyFileSync(join(here, "../node_modules/uplot/LICENSE"), join(out, "uplot.license.txt"));
cpSync(join(here, "data"), out, { recursive: true });
copyFileSync(join(here, "../examples/data/asyoulik.txt"), join(out, "asyoulik.txt"));
