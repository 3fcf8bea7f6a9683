/** Text to tokens and back: a tokenizer numbers the symbols (characters or words) of its vocabulary from 0. */

import { FormatError, type FormatErrorCode } from "../errors.ts";
import { isObject } from "../io/json.ts";
import { show } from "../validate.ts";

const UNKNOWN_WORD = "<unk>";

/** Words (with apostrophes inside), numbers, line breaks, runs of other white space, then any one character. */
const WORDS = /[\p{L}\p{M}]+(?:['’][\p{L}\p{M}]+)*|\p{N}+(?:[.,]\p{N}+)*|\r\n|[\r\n]|[^\S\r\n]+|./gsu;

/** What `toJSON` gives and `tokenizerFromJSON` takes: plain data, to be stored beside the network. */
export type TokenizerJSON =
  | { readonly kind: "character"; readonly vocabulary: readonly string[]; readonly unknown?: string }
  | { readonly kind: "word"; readonly vocabulary: readonly string[]; readonly lowerCase: boolean };

export interface Tokenizer {
  readonly kind: "character" | "word";
  /** The symbols; the token of a symbol is its index. */
  readonly vocabulary: readonly string[];
  /** Number of symbols: the `tokens` of a network's input and the units of its last layer. */
  readonly size: number;
  /**
   * The tokens of a text, (T): one for each symbol.
   * @throws RangeError if a character is not in the vocabulary and the tokenizer has no symbol for the unknown.
   */
  encode(text: string): Int32Array;
  /**
   * The text of some tokens: their symbols in a row.
   * @throws RangeError if a token is not an index into the vocabulary.
   */
  decode(tokens: ArrayLike<number>): string;
  /** Plain data from which `tokenizerFromJSON` makes an equal tokenizer. */
  toJSON(): TokenizerJSON;
}

/** @inline */
export interface CharacterTokenizerOptions {
  /**
   * One character that stands for all that are not in the vocabulary, for example "\uFFFD". It is added to the
   * vocabulary. Without it, `encode` refuses unknown characters.
   */
  readonly unknown?: string;
}

/** @inline */
export interface WordTokenizerOptions {
  /** Words that occur less often are unknown. Default 1. */
  readonly minCount?: number;
  /** Largest size of the vocabulary, with "<unk>": the rarest words are unknown. Default: no limit. */
  readonly maxVocabulary?: number;
  /** Whether the text is turned to lower case first. Default false. */
  readonly lowerCase?: boolean;
}

/**
 * A tokenizer whose symbols are the characters (Unicode code points) of a text, sorted by code point.
 *
 * @param text The text whose distinct characters are the vocabulary.
 * @throws TypeError if `text` or `unknown` is not a string.
 * @throws RangeError if `text` is empty or `unknown` is not exactly one character.
 */
export function characterTokenizer(text: string, options: CharacterTokenizerOptions = {}): Tokenizer {
  requireText(text);
  const { unknown } = options;
  const characters = new Set(text);
  if (unknown !== undefined) characters.add(requireCharacter(unknown));
  const vocabulary = [...characters].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!);
  return build({ kind: "character", vocabulary, ...(unknown !== undefined && { unknown }) });
}

/**
 * A tokenizer whose symbols are words, numbers, punctuation marks, line breaks and runs of other white space, so that
 * the symbols of a text in a row are the text. Index 0 is "<unk>", which stands for all that are not in the vocabulary;
 * the others follow from the most to the least frequent, equally frequent ones alphabetically.
 *
 * @param text The text whose symbols are the vocabulary.
 * @throws TypeError if `text` is not a string or an option of the wrong kind.
 * @throws RangeError if `text` is empty, `minCount` below 1, `maxVocabulary` below 2, or no symbol is frequent enough.
 */
export function wordTokenizer(text: string, options: WordTokenizerOptions = {}): Tokenizer {
  const { minCount = 1, maxVocabulary = Infinity, lowerCase = false } = options;
  requireText(text);
  requireCount("minCount", minCount, 1);
  if (maxVocabulary !== Infinity) requireCount("maxVocabulary", maxVocabulary, 2);
  requireBoolean("lowerCase", lowerCase);
  const words = byFrequency(wordsOf(text, lowerCase), minCount);
  if (words.length === 0) {
    throw new RangeError(`"minCount" expected the count of some word, got ${minCount}. Lower it or pass more text.`);
  }
  return build({ kind: "word", vocabulary: [UNKNOWN_WORD, ...words].slice(0, maxVocabulary), lowerCase });
}

/**
 * The tokenizer that `toJSON` described.
 *
 * @param json The description, as an object: a stored text must go through JSON.parse first.
 * @throws TypeError if `json` is not an object.
 * @throws FormatError "unsupported" for an unknown `kind`; "malformed" if the vocabulary is not a list of distinct
 * symbols of that kind or another member is wrong.
 */
export function tokenizerFromJSON(json: TokenizerJSON): Tokenizer {
  return build(checkJSON(json));
}

function build(json: TokenizerJSON): Tokenizer {
  const vocabulary = Object.freeze([...json.vocabulary]);
  const frozen: TokenizerJSON = Object.freeze({ ...json, vocabulary });
  const tokenOf = new Map(vocabulary.map((symbol, token) => [symbol, token]));
  const unknown = json.kind === "word" ? 0 : tokenOf.get(json.unknown ?? ""); // no symbol is ""
  return Object.freeze({
    kind: json.kind,
    vocabulary,
    size: vocabulary.length,
    encode(text: string): Int32Array {
      requireString("text", text);
      return encode(json.kind === "word" ? wordsOf(text, json.lowerCase) : Array.from(text), tokenOf, unknown);
    },
    decode: (tokens: ArrayLike<number>) => decode(tokens, vocabulary),
    toJSON: () => frozen,
  });
}

function wordsOf(text: string, lowerCase: boolean): string[] {
  return (lowerCase ? text.toLowerCase() : text).match(WORDS) ?? [];
}

/** The words that occur at least `minCount` times, the most frequent first, equally frequent ones alphabetically. */
function byFrequency(words: readonly string[], minCount: number): string[] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts]
    .filter(([, count]) => count >= minCount)
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .map(([word]) => word);
}

function encode(
  symbols: readonly string[],
  tokenOf: ReadonlyMap<string, number>,
  unknown: number | undefined,
): Int32Array {
  return Int32Array.from(symbols, (symbol, index) => {
    const token = tokenOf.get(symbol) ?? unknown;
    if (token === undefined) throw unknownCharacter(symbol, symbols.slice(0, index).join("").length);
    return token;
  });
}

function decode(tokens: ArrayLike<number>, vocabulary: readonly string[]): string {
  requireList("tokens", tokens);
  const symbols = Array.from(tokens, (token, index) => {
    const symbol = vocabulary[token];
    if (symbol !== undefined) return symbol;
    const expected = `indices into a vocabulary of ${vocabulary.length}, got ${token} at index ${index}`;
    throw new RangeError(`"tokens" expected ${expected}. Decode with the tokenizer that encoded.`);
  });
  return symbols.join("");
}

function unknownCharacter(character: string, index: number): RangeError {
  const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  const got = `U+${code} ${JSON.stringify(character)} at index ${index}`;
  const cure = 'Make the tokenizer from a text that has it, or with { unknown: "\\uFFFD" }.';
  return new RangeError(`"text" expected characters of the vocabulary, got ${got}. ${cure}`);
}

// ---- descriptions

function checkJSON(json: unknown): TokenizerJSON {
  if (!isObject(json)) {
    throw new TypeError(`"json" expected an object, got ${typeof json}. Pass what toJSON() gave, after JSON.parse.`);
  }
  const { kind, vocabulary, unknown, lowerCase } = json;
  if (kind !== "character" && kind !== "word") throw fault("unsupported", "kind", '"character" or "word"', kind);
  if (!isVocabulary(vocabulary)) throw fault("malformed", "vocabulary", "a list of distinct texts", vocabulary);
  return kind === "word" ? checkWord(vocabulary, lowerCase) : checkCharacter(vocabulary, unknown);
}

function checkWord(vocabulary: readonly string[], lowerCase: unknown): TokenizerJSON {
  if (vocabulary[0] !== UNKNOWN_WORD) throw fault("malformed", "vocabulary[0]", show(UNKNOWN_WORD), vocabulary[0]);
  if (typeof lowerCase !== "boolean") throw fault("malformed", "lowerCase", "true or false", lowerCase);
  return { kind: "word", vocabulary, lowerCase };
}

function checkCharacter(vocabulary: readonly string[], unknown: unknown): TokenizerJSON {
  const longer = vocabulary.find((symbol) => !isCharacter(symbol));
  if (longer !== undefined) throw fault("malformed", "vocabulary", "single characters", longer);
  if (unknown === undefined) return { kind: "character", vocabulary };
  if (typeof unknown === "string" && vocabulary.includes(unknown)) return { kind: "character", vocabulary, unknown };
  throw fault("malformed", "unknown", "a symbol of the vocabulary", unknown);
}

function isVocabulary(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every((symbol) => typeof symbol === "string" && symbol !== "") && new Set(value).size === value.length;
}

function fault(code: FormatErrorCode, member: string, expected: string, got: unknown): FormatError {
  const cure = "Store the tokenizer again with toJSON().";
  return new FormatError(code, `"${member}" of a tokenizer expected ${expected}, got ${show(got)}. ${cure}`);
}

// ---- arguments

function isCharacter(text: string): boolean {
  return Array.from(text).length === 1;
}

function requireString(name: string, value: unknown): void {
  if (typeof value === "string") return;
  throw new TypeError(`"${name}" expected a string, got ${typeof value}. Turn bytes into text with TextDecoder.`);
}

function requireText(text: string): void {
  requireString("text", text);
  if (text === "") throw new RangeError(`"text" expected at least one character, got "". Pass the training text.`);
}

function requireCharacter(unknown: string): string {
  requireString("unknown", unknown);
  if (isCharacter(unknown)) return unknown;
  throw new RangeError(`"unknown" expected exactly one character, got ${show(unknown)}. Pass for example "\\uFFFD".`);
}

function requireCount(name: string, value: unknown, least: number): void {
  const expected = `"${name}" expected a whole number of at least ${least}, got`;
  if (typeof value !== "number") throw new TypeError(`${expected} ${typeof value}. Pass a number.`);
  if (!Number.isInteger(value) || value < least) throw new RangeError(`${expected} ${value}. Round or raise it.`);
}

function requireBoolean(name: string, value: unknown): void {
  if (typeof value === "boolean") return;
  throw new TypeError(`"${name}" expected true or false, got ${typeof value}. Pass one of them.`);
}

function requireList(name: string, value: unknown): void {
  if (typeof value === "object" && value !== null && "length" in value) return;
  throw new TypeError(`"${name}" expected an array of numbers, got ${typeof value}. Wrap a single token: [token].`);
}
