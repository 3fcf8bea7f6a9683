import axe from "axe-core";

/** What axe-core calls serious or critical in a page. @param {import("playwright-core").Page} tab */
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
