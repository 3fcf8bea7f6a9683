/** Draws the table of times in 120 columns: a row is two lines, times and ratios; reasons stand below, under letters. */
import { peers } from "./peers/index.js";
import { groups } from "./workloads.js";

/** @typedef {import("./times.js").Cell} Cell */

const LABEL = 20;
const COLUMN = 10;
/** Where the slowest process takes this many times as long as the fastest, the cell says so. */
const SPREAD = 1.25;

/** Reasons under letters, in the order in which they come up. */
export class Notes {
  /** @type {string[]} */
  #texts = [];

  /** @param {string} text */
  mark(text) {
    if (!this.#texts.includes(text)) this.#texts.push(text);
    const index = this.#texts.indexOf(text);
    return String.fromCharCode(index < 26 ? 97 + index : 65 + index - 26);
  }

  lines() {
    return this.#texts.map((text) => `${this.mark(text)}  ${text}`);
  }
}

/** @param {readonly string[]} names of peers */
export function headings(names) {
  const line = (/** @type {0 | 1} */ i) => names.map((name) => peers[name].heading[i].padStart(COLUMN)).join("");
  return [" ".repeat(LABEL) + line(0), " ".repeat(LABEL) + line(1)].map((text) => text.trimEnd());
}

/** @param {keyof typeof groups} group */
export const groupLine = (group) => `${group}  ${groups[group].title}, in ${groups[group].unit}`;

/**
 * @param {string} title
 * @param {readonly Cell[]} cells
 * @param {number} scale from ms to the unit
 * @param {Notes} notes
 */
export function rowLines(title, cells, scale, notes) {
  const times = cells.map((cell) => time(cell, scale, notes).padStart(COLUMN)).join("");
  const ratios = cells.map(({ ratio }, i) =>
    (i === 0 || ratio === undefined ? "" : `${digits(ratio)}x`).padStart(COLUMN),
  );
  const second = " ".repeat(LABEL) + ratios.join("");
  return [`  ${title}`.padEnd(LABEL) + times, ...(second.trim() === "" ? [] : [second.trimEnd()])];
}

/** @type {(cell: Cell, scale: number, notes: Notes) => string} */
function time({ ms, processes, lacks, failed, differs, notes: remarks }, scale, notes) {
  const reasons = lacks !== undefined ? [lacks] : failed !== undefined ? [failed] : [...differs, ...remarks];
  const marks = reasons.map((reason) => notes.mark(reason)).join("");
  if (ms === undefined) return `– ${marks}`;
  const times = processes.map((process) => process.ms);
  const spread = Math.max(...times) / Math.min(...times) > SPREAD ? "~" : "";
  const contended = processes.filter((process) => process.contended).length > processes.length / 2 ? "?" : "";
  return `${digits(ms * scale)}${spread}${contended}${marks && ` ${marks}`}`;
}

/** @type {(value: number) => string} three significant digits, no exponent, thousands as k */
function digits(value) {
  if (value >= 10_000) return `${digits(value / 1000)}k`;
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
