/** JSON out of files that nobody vouches for. */

import { FormatError } from "../errors.ts";
import { show } from "../validate.ts";
import { whole } from "../whole.ts";

export const DAMAGED = "The file is damaged or of another format: write or download it again.";

/**
 * The members of a JSON object in the order of the text. JSON.parse alone would hide a name that occurs twice, by
 * keeping the last value, and would move "0" in front of "a".
 *
 * @param what What the text is, for the message.
 * @throws FormatError "malformed" if `json` is not an object, does not start with "{" or has, at any depth, an object
 * with the same name twice; `unrolled/run` leaves that to what comes after.
 */
export function parseMembers(what: string, json: string): Map<string, unknown> {
  const object = parseObject(what, json);
  if (!whole) return new Map(Object.entries(object));
  const open: (Set<string> | undefined)[] = []; // the names in each open object; nothing for an array
  const outermost = new Set<string>();
  let before = "";
  for (let at = 0; at < json.length; at++) {
    const mark = json.charAt(at);
    if (mark === "{") open.push(open.length === 0 ? outermost : new Set());
    else if (mark === "[") open.push(undefined);
    else if (mark === "}" || mark === "]") open.pop();
    else if (mark === '"') {
      const end = stringEnd(json, at);
      if (before !== ":") addName(what, open.at(-1), json.slice(at, end));
      at = end - 1;
    }
    if (mark > " ") before = mark;
  }
  return new Map([...outermost].map((name) => [name, object[name]]));
}

/** @throws FormatError "malformed" if `json` is not an object */
export function parseObject(what: string, json: string): Record<string, unknown> {
  try {
    if (json.startsWith("{")) return JSON.parse(json) as Record<string, unknown>;
  } catch {
    // reported below
  }
  throw new FormatError("malformed", `${what} expected a JSON object, got ${show(json)}. ${DAMAGED}`);
}

/** The index after the string that starts at `start` with a quotation mark. */
function stringEnd(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json.charAt(at) !== '"') at += json.charAt(at) === "\\" ? 2 : 1;
  return at + 1;
}

function addName(what: string, names: Set<string> | undefined, literal: string): void {
  if (names === undefined) return; // a string in an array
  const name = JSON.parse(literal) as string; // "a" and "\u0061" are the same
  if (names.has(name)) {
    throw new FormatError("malformed", `${what} expected every name once, got ${show(name)} twice. ${DAMAGED}`);
  }
  names.add(name);
}

/** Whether a value out of JSON.parse is an object (and no array). */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
