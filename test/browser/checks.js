// What holds for every page of ours.
import { setTimeout } from "node:timers/promises";
import axe from "axe-core";

/** @import { Page } from "playwright-core" */

/** What axe-core calls serious or critical in a page. @param {Page} tab */
export async function accessibilityFaults(tab) {
  await tab.evaluate(axe.source);
  return tab.evaluate(async () => {
    const { axe } = /** @type {{ axe: { run: () => Promise<{ violations: any[] }> } }} */ (
      /** @type {unknown} */ (globalThis)
    );
    const { violations } = await axe.run();
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => node.target.join(" ")).join(", ")}`);
  });
}

/** By how many pixels a page is wider than its window. Charts follow a new size a frame later. @param {Page} tab */
export async function excessWidth(tab) {
  const measure = () => tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  for (let k = 0; k < 20 && (await measure()) > 0; k++) await setTimeout(100);
  return measure();
}
