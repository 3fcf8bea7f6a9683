import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { characterTokenizer, tokenizerFromJSON, wordTokenizer, type Tokenizer } from "../bindings/data/tokenizer.ts";
import { FormatError } from "../bindings/errors.ts";

const play = readFileSync(new URL("../examples/data/asyoulik.txt", import.meta.url), "utf8");

function expectSame(a: Tokenizer, b: Tokenizer, text: string): void {
  expect(a.toJSON()).toEqual(b.toJSON());
  expect(a.encode(text)).toEqual(b.encode(text));
}

describe("characterTokenizer", () => {
  test("numbers the distinct characters in the order of their code points", () => {
    const tokenizer = characterTokenizer("banana!");
    expect(tokenizer.kind).toBe("character");
    expect(tokenizer.vocabulary).toEqual(["!", "a", "b", "n"]);
    expect(tokenizer.size).toBe(4);
    expect(tokenizer.encode("nab!")).toEqual(Int32Array.of(3, 1, 2, 0));
    expect(tokenizer.decode([2, 1, 3, 1, 3, 1])).toBe("banana");
  });

  test("finds the 68 characters of As You Like It, as examples/data/README.md says", () => {
    const readme = readFileSync(new URL("../examples/data/README.md", import.meta.url), "utf8");
    const tokenizer = characterTokenizer(play);
    expect(tokenizer.size).toBe(68);
    expect(tokenizer.encode(play)).toHaveLength(125_179);
    expect(tokenizer.decode(tokenizer.encode(play))).toBe(play);
    expect(readme).toContain("125,179 bytes");
    expect(readme).toContain(createHash("sha256").update(play).digest("hex"));
  });

  test("takes a surrogate pair as one character and sorts it behind U+FFFD", () => {
    const tokenizer = characterTokenizer("😀\uFFFDa𝒜");
    expect(tokenizer.vocabulary).toEqual(["a", "\uFFFD", "𝒜", "😀"]);
    expect(tokenizer.encode("😀a")).toEqual(Int32Array.of(3, 0));
  });

  test.each([
    ["combining marks", "e\u0301 e\u0300", 4],
    ["emoji with joiners and skin tones", "👩‍👩‍👧 👍🏽", 6],
    ["half a surrogate pair", "a\uD83Db", 3],
    ["names that objects have", "__proto__ constructor", 10],
    ["NUL and line ends", "\0\r\n\u2028", 4],
  ])("restores %s", (_, text, size) => {
    const tokenizer = characterTokenizer(text);
    expect(tokenizer.size).toBe(size);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expectSame(tokenizerFromJSON(tokenizer.toJSON()), tokenizer, text);
  });

  test("refuses an unknown character with its code, its index and the cure", () => {
    const tokenizer = characterTokenizer("ab😀");
    const message =
      '"text" expected characters of the vocabulary, got U+1F601 "😁" at index 3. ' +
      'Make the tokenizer from a text that has it, or with { unknown: "\\uFFFD" }.';
    expect(() => tokenizer.encode("a😀😁")).toThrow(new RangeError(message));
    expect(() => tokenizer.encode("a\n")).toThrow(/U\+000A "\\n" at index 1/);
    expect(() => tokenizer.encode("e\u0301")).toThrow(/U\+0065 "e" at index 0/);
    expect(() => tokenizer.encode("a\uDE00")).toThrow(/U\+DE00 "\\ude00" at index 1/);
  });

  test("maps unknown characters to the unknown one", () => {
    const tokenizer = characterTokenizer("ab", { unknown: "\uFFFD" });
    expect(tokenizer.vocabulary).toEqual(["a", "b", "\uFFFD"]);
    expect(tokenizer.encode("a😀b")).toEqual(Int32Array.of(0, 2, 1));
    expect(tokenizer.decode(tokenizer.encode("a😀b"))).toBe("a\uFFFDb");
    expect(tokenizer.toJSON()).toEqual({ kind: "character", vocabulary: ["a", "b", "\uFFFD"], unknown: "\uFFFD" });
    expectSame(tokenizerFromJSON(tokenizer.toJSON()), tokenizer, "abc");
    expect(characterTokenizer("a?", { unknown: "?" }).vocabulary).toEqual(["?", "a"]);
  });

  test("encodes the empty text but is not made from it", () => {
    expect(characterTokenizer("a").encode("")).toEqual(new Int32Array(0));
    expect(characterTokenizer("a").decode([])).toBe("");
    expect(() => characterTokenizer("")).toThrow(/"text" expected at least one character/);
    expect(() => characterTokenizer("", { unknown: "?" })).toThrow(RangeError);
  });

  test("refuses wrong arguments", () => {
    expect(() => characterTokenizer(7 as never)).toThrow(TypeError);
    expect(() => characterTokenizer("a").encode(["a"] as never)).toThrow(TypeError);
    expect(() => characterTokenizer("a", { unknown: 0 as never })).toThrow(TypeError);
    expect(() => characterTokenizer("a", { unknown: "" })).toThrow(RangeError);
    expect(() => characterTokenizer("a", { unknown: "ab" })).toThrow(/"unknown" expected exactly one character/);
  });
});

describe("wordTokenizer", () => {
  test("numbers <unk> first, then by frequency, then alphabetically", () => {
    const tokenizer = wordTokenizer("b a b c,a b");
    expect(tokenizer.kind).toBe("word");
    expect(tokenizer.vocabulary).toEqual(["<unk>", " ", "b", "a", ",", "c"]);
    expect(tokenizer.size).toBe(6);
    expect(tokenizer.encode("a, c")).toEqual(Int32Array.of(3, 4, 1, 5));
    expect(tokenizer.decode([2, 1, 3])).toBe("b a");
  });

  test.each([
    ["don't o'er-run it’s", ["don't", " ", "o'er", "-", "run", " ", "it’s"]],
    ["'tis 'quoted'", ["'", "tis", " ", "'", "quoted", "'"]],
    ["3.14, 1,000. a1", ["3.14", ",", " ", "1,000", ".", " ", "a", "1"]],
    ["a  \t b\r\n\n\rc", ["a", "  \t ", "b", "\r\n", "\n", "\r", "c"]],
    ["naïve e\u0301te\u0301 Ünïcödé", ["naïve", " ", "e\u0301te\u0301", " ", "Ünïcödé"]],
    ["日本 😀𝒜x", ["日本", " ", "😀", "𝒜x"]],
    ["<unk>!?", ["<", "unk", ">", "!", "?"]],
    ["\uD83D", ["\uD83D"]],
  ])("splits %j", (text, words) => {
    const tokenizer = wordTokenizer(text);
    expect([...tokenizer.encode(text)].map((token) => tokenizer.vocabulary[token])).toEqual(words);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  });

  test("restores As You Like It", () => {
    const tokenizer = wordTokenizer(play);
    expect(tokenizer.decode(tokenizer.encode(play))).toBe(play);
    expect(tokenizer.encode(play)).not.toContain(0);
    expectSame(tokenizerFromJSON(tokenizer.toJSON()), tokenizer, play);
  });

  test("takes words off objects for words", () => {
    const text = "constructor __proto__ toString";
    const tokenizer = wordTokenizer(text);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    expect(wordTokenizer("a").encode("constructor")).toEqual(Int32Array.of(0));
  });

  test("minCount and maxVocabulary leave the rest to <unk>", () => {
    expect(wordTokenizer("a a a b b c", { minCount: 2 }).vocabulary).toEqual(["<unk>", " ", "a", "b"]);
    const tokenizer = wordTokenizer("a a a b b c", { maxVocabulary: 3 });
    expect(tokenizer.vocabulary).toEqual(["<unk>", " ", "a"]);
    expect(tokenizer.encode("a b")).toEqual(Int32Array.of(2, 1, 0));
    expect(tokenizer.decode(tokenizer.encode("a b"))).toBe("a <unk>");
  });

  test("lowerCase holds for the vocabulary, for encode and after JSON", () => {
    const tokenizer = wordTokenizer("The the THE İ", { lowerCase: true });
    expect(tokenizer.vocabulary).toEqual(["<unk>", " ", "the", "i̇"]);
    expect(tokenizer.encode("tHe")).toEqual(Int32Array.of(2));
    expect(tokenizer.toJSON()).toMatchObject({ lowerCase: true });
    expectSame(tokenizerFromJSON(tokenizer.toJSON()), tokenizer, "The İ");
    expect(wordTokenizer("The the").size).toBe(4);
  });

  test("encodes the empty text but is not made from it", () => {
    expect(wordTokenizer("a").encode("")).toEqual(new Int32Array(0));
    expect(() => wordTokenizer("")).toThrow(RangeError);
  });

  test("refuses wrong options", () => {
    expect(() => wordTokenizer("a", { minCount: 0 })).toThrow(
      /"minCount" expected a whole number of at least 1, got 0/,
    );
    expect(() => wordTokenizer("a", { minCount: 1.5 })).toThrow(RangeError);
    expect(() => wordTokenizer("a", { minCount: NaN })).toThrow(RangeError);
    expect(() => wordTokenizer("a", { minCount: 2 })).toThrow(/Lower it or pass more text/);
    expect(() => wordTokenizer("a", { maxVocabulary: 1 })).toThrow(/"maxVocabulary" .* at least 2, got 1/);
    expect(() => wordTokenizer("a", { maxVocabulary: "9" as never })).toThrow(TypeError);
    expect(() => wordTokenizer("a", { lowerCase: 1 as never })).toThrow(TypeError);
    expect(() => wordTokenizer(null as never)).toThrow(TypeError);
  });
});

describe("decode", () => {
  test.each([-1, 3, 1.5, NaN])("refuses %d, which is no index into the vocabulary", (token) => {
    const message = `got ${token} at index 1. Decode with the tokenizer that encoded.`;
    expect(() => characterTokenizer("abc").decode([0, token])).toThrow(RangeError);
    expect(() => characterTokenizer("abc").decode([0, token])).toThrow(message);
    expect(() => wordTokenizer("a a").decode([0, token])).toThrow(message);
  });

  test("takes typed arrays, arrays and array-likes, but no single token", () => {
    const decode = (tokens: ArrayLike<number>) => characterTokenizer("abc").decode(tokens);
    expect(decode(Int32Array.of(2, 0))).toBe("ca");
    expect(decode(Float32Array.of(2, 0))).toBe("ca");
    expect(decode({ length: 1, 0: 1 })).toBe("b");
    expect(() => decode(1 as never)).toThrow(TypeError);
    expect(() => decode("ab" as never)).toThrow(TypeError);
  });
});

describe("tokenizerFromJSON", () => {
  const character = { kind: "character", vocabulary: ["a", "b"] };
  const word = { kind: "word", vocabulary: ["<unk>", "a"], lowerCase: false };

  test.each([characterTokenizer("cab"), characterTokenizer("a", { unknown: "?" }), wordTokenizer("a b")])(
    "restores a tokenizer from text %#",
    (tokenizer) => {
      expectSame(tokenizerFromJSON(JSON.parse(JSON.stringify(tokenizer)) as never), tokenizer, "a");
    },
  );

  test("keeps nothing else, and copies", () => {
    const vocabulary = ["b", "a"];
    const tokenizer = tokenizerFromJSON({ kind: "character", vocabulary, extra: 1 } as never);
    vocabulary.push("b");
    expect(tokenizer.toJSON()).toEqual({ kind: "character", vocabulary: ["b", "a"] });
    expect(() => (tokenizer.vocabulary as string[]).push("c")).toThrow(TypeError);
  });

  test.each([
    ["an unknown kind", { ...character, kind: "bytes" }, "unsupported", /"kind".*got "bytes"/],
    ["no kind", { vocabulary: ["a"] }, "unsupported", /got undefined/],
    ["no vocabulary", { kind: "character" }, "malformed", /"vocabulary"/],
    ["an empty vocabulary", { ...character, vocabulary: [] }, "malformed", /got \[\]/],
    ["equal symbols", { ...character, vocabulary: ["a", "b", "a"] }, "malformed", /distinct/],
    ["equal words", { ...word, vocabulary: ["<unk>", "a", "a"] }, "malformed", /distinct/],
    ["a number as a symbol", { ...character, vocabulary: ["a", 1] }, "malformed", /"vocabulary"/],
    ["an empty symbol", { ...word, vocabulary: ["<unk>", ""] }, "malformed", /"vocabulary"/],
    ["two characters as one", { ...character, vocabulary: ["a", "bc"] }, "malformed", /single characters, got "bc"/],
    ["unknown outside the vocabulary", { ...character, unknown: "?" }, "malformed", /"unknown"/],
    ["unknown of the wrong kind", { ...character, unknown: null }, "malformed", /"unknown"/],
    ["words without <unk>", { ...word, vocabulary: ["a"] }, "malformed", /"<unk>", got "a"/],
    ["words without lowerCase", { kind: "word", vocabulary: ["<unk>"] }, "malformed", /"lowerCase"/],
  ])("refuses %s", (_, json, code, message) => {
    const read = () => tokenizerFromJSON(json as never);
    expect(read).toThrow(FormatError);
    expect(read).toThrow(expect.objectContaining({ code }) as Error);
    expect(read).toThrow(message);
  });

  test.each([null, "text", 7, [character]])("refuses %j, which is no object", (json) => {
    expect(() => tokenizerFromJSON(json as never)).toThrow(TypeError);
  });
});
