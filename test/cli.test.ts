import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { chmodSync, copyFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { integer, number } from "../bindings/cli/arguments.ts";
import { barLine, createProgress, Pace, plainLine, type Status } from "../bindings/cli/training/progress.ts";
import { formatBytes, formatDuration, formatRate } from "../bindings/cli/output/text.ts";
import {
  dense,
  elman,
  embedding,
  generateText,
  lstm,
  Network,
  tokenizerFromJSON,
  type TokenizerJSON,
} from "../bindings/index.ts";
import manifest from "../package.json" with { type: "json" };
import { createCommand, onWindows, root } from "./command.ts";

const play = readFileSync(join(root, "examples/data/asyoulik.txt"), "utf8");
const { folder, inFolder, launch, unrolled, succeed, shownBy, expectFailure } = createCommand("cli");

afterAll(() => rmSync(folder, { recursive: true, force: true }));

// eslint-disable-next-line no-control-regex -- they are what is looked for
const CONTROL = /[\0-\x09\x0b-\x1f\x7f-\x9f]/;

const small = ["--hidden", "8", "--embedding", "4", "--batch", "4", "--steps", "16", "--epochs", "2"];
const train = (output: string, ...args: string[]) => ["train", "play.txt", ...small, "--output", output, ...args];

function load(file: string) {
  const net = Network.load(readFileSync(inFolder(file)));
  return { net, tokenizer: tokenizerFromJSON(JSON.parse(net.metadata.tokenizer!) as TokenizerJSON) };
}

/** What the first run of all prints; its model is play.safetensors and its checkpoint play.checkpoint. */
let printed = "";

beforeAll(async () => {
  writeFileSync(inFolder("play.txt"), play.slice(0, 3000));
  writeFileSync(
    inFolder("junk.bin"),
    Uint8Array.from({ length: 999 }, (_, i) => (i * 37) ^ 0xa5),
  );
  writeFileSync(inFolder("empty.txt"), "");
  writeFileSync(inFolder("one.txt"), "a");
  copyFileSync(join(root, "test/fixtures/torch-tagger.safetensors"), inFolder("torch.safetensors"));
  const plain = new Network({ input: { tokens: 4 }, layers: [embedding(2), elman(3), dense(4)] });
  writeFileSync(inFolder("plain.safetensors"), plain.save());
  writeFileSync(inFolder("mirrored.txt"), play.slice(0, 3000).replaceAll("x", "z"));
  mkdirSync(inFolder("directory"));
  printed = await shownBy("train", "play.txt", ...small, "--checkpoint", "play.checkpoint");
});

describe("unrolled", () => {
  test("--version is that of the package", async () => {
    expect(await succeed("--version")).toBe(`${manifest.version}\n`);
  });

  test("--help names the commands, and the help of each teaches with an example", async () => {
    const help = await succeed("--help");
    for (const name of ["train", "generate", "inspect"]) {
      expect(help).toContain(`$ unrolled ${name} `);
      expect(await succeed(name, "--help")).toContain(`$ unrolled ${name} `);
    }
  });

  test("without a command it shows the help, as a wrong command line", async () => {
    const { code, stdout, stderr } = await unrolled();
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain("Usage: unrolled");
  });

  test.concurrent.each([
    ["an unknown command", ["trian"], "unknown command 'trian' (Did you mean train?)"],
    ["an unknown option", ["train", "play.txt", "--hiden", "3"], "unknown option '--hiden' (Did you mean --hidden?)"],
    ["no text", ["train"], "missing required argument 'text'"],
    ["two texts", ["train", "a", "b"], "too many arguments for 'text'"],
    ["an option without its value", ["train", "a", "--hidden"], "argument missing"],
    ["half a unit", ["train", "a", "--hidden", "1.5"], "It must be a whole number of at least 1."],
    ["a rate of 0", ["train", "a", "--learning-rate", "0"], "It must be a number above 0."],
    ["all held out", ["train", "a", "--validation", "1"], "It must be a number of at least 0 and below 1."],
    ["an unknown cell", ["train", "a", "--cell", "rnn"], "Allowed choices are lstm, gru, elman."],
    ["top-p 0", ["generate", "a", "--top-p", "0"], "It must be a number above 0 and of at most 1."],
    ["a text as its own output", ["train", "play.txt", "-o", "./play.txt"], "--output and the data are the same file"],
    [
      "one file for two",
      ["train", "play.txt", "-o", "x", "--checkpoint", "x"],
      "--output and --checkpoint are the same",
    ],
    ["a directory as output", ["train", "play.txt", "-o", "directory"], "cannot write directory: it is a directory"],
  ])("%s is a wrong command line: exit code 2", async (_, args, message) => {
    await expectFailure(args, 2, message);
  });

  test.concurrent.each([
    ["no such text", ["train", "nothing.txt"], "cannot read nothing.txt: no such file or directory"],
    ["a directory as text", ["train", "directory"], "cannot read directory: it is a directory"],
    ["an empty text", ["train", "empty.txt"], "empty.txt: the file is empty"],
    ["a text of one character", ["train", "one.txt"], "lower --batch or --steps, or give a longer text"],
    ["bytes as text", ["train", "junk.bin"], "junk.bin: this is no text in UTF-8"],
    [
      "a text that is too short",
      ["train", "play.txt", "--batch", "50"],
      "has 2,700 characters to learn from, and --batch 50 times --steps 64 needs 3,201 characters: lower --batch or",
    ],
    [
      "next to nothing held out",
      train("x", "--validation", "0.0001"),
      "held out has 1 character, and needs 2: raise --validation",
    ],
    ["a file as directory", train("play.txt/x"), "cannot open play.txt/x: not a directory"],
    ["an output in no directory", train("nowhere/x"), "cannot write nowhere/x: no such file or directory"],
    ["a checkpoint in no directory", train("x", "--checkpoint", "nowhere/x"), "cannot write nowhere/x"],
    ["no such checkpoint", train("x", "--resume", "nothing"), "cannot read nothing: no such file"],
    ["junk as checkpoint", train("x", "--resume", "junk.bin"), "--resume junk.bin: safetensors: the header"],
    ["a model as checkpoint", train("x", "--resume", "play.safetensors"), "the checkpoint has no training in it"],
    ["another network", train("x", "--resume", "play.checkpoint", "--hidden", "9"), '"units":9'],
    ["another seed", train("x", "--resume", "play.checkpoint", "--seed", "9"), "has seed 1 where"],
    ["another batch", train("x", "--resume", "play.checkpoint", "--batch", "5"), "of another "],
    ["another optimizer", train("x", "--resume", "play.checkpoint", "--learning-rate", "1"), 'of another "optimizer"'],
    [
      "other steps",
      train("x", "--resume", "play.checkpoint", "--steps", "15"),
      'of another "truncate", "16", than "15"',
    ],
    ["another text", ["train", "mirrored.txt", ...small, "--resume", "play.checkpoint"], "the run was of other data"],
    ["no such model", ["generate", "nothing"], "cannot read nothing: no such file or directory"],
    ["junk as model", ["generate", "junk.bin"], "junk.bin: safetensors: the header expected"],
    ["an empty file as model", ["generate", "empty.txt"], "empty.txt: safetensors: the file expected 8 bytes or more"],
    ["a model without tokenizer", ["generate", "plain.safetensors"], "there is no tokenizer in the metadata"],
    ["a file from PyTorch", ["generate", "torch.safetensors"], "has no description of its network"],
    [
      "an unknown character",
      ["generate", "play.safetensors", "--prompt", "é"],
      '--prompt: "text" expected characters of the vocabulary, got U+00E9 "é" at index 0',
    ],
    ["an empty prompt", ["generate", "play.safetensors", "--prompt", ""], '"prompt" expected at least one token'],
    ["junk to look into", ["inspect", "junk.bin"], "junk.bin: safetensors: the header expected"],
    ["a directory to look into", ["inspect", "directory"], "cannot read directory: it is a directory"],
  ])("%s is an error: exit code 1", async (_, args, message) => {
    await expectFailure(args, 1, message);
  });

  test("DEBUG=unrolled shows where an error comes from, and its cause", async () => {
    const { stderr } = await launch(["generate", "nothing"], { env: { DEBUG: "a,unrolled" } }).result;
    expect(stderr).toMatch(/^unrolled: cannot read nothing.*\nError: .*\n {4}at [^]*caused by Error: ENOENT/);
  });
});

describe("unrolled train", () => {
  test("shows what it does in plain lines when nobody sits at a terminal", () => {
    expect(printed).not.toMatch(CONTROL);
    expect(printed).toMatch(/^play.txt: 3,000 characters, 65 different\n2,700 to learn from, 300 held out\n/);
    expect(printed).toMatch(/\nepoch 1 of 2: \d\.\d{3} bits a character, held out \d\.\d{3}\nepoch 2 of 2: /);
    expect(printed).toMatch(/\n\nwrite with it: unrolled generate play\.safetensors\n$/);
  });

  test("saves a network that has the tokenizer with it, and leaves nothing else behind", () => {
    const { net, tokenizer } = load("play.safetensors");
    expect(tokenizer.vocabulary.join("")).toBe([...new Set(play.slice(0, 3000))].sort().join(""));
    const [embedding, lstm, dense, ...others] = net.config.layers;
    expect(net.config.input).toEqual({ tokens: tokenizer.size });
    expect(embedding).toMatchObject({ type: "embedding" });
    expect(lstm).toMatchObject({ type: "lstm", units: 8, layers: 1 });
    expect(dense).toMatchObject({ type: "dense", units: tokenizer.size });
    expect(others).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("gives the same file for the same seed, whatever is shown or saved besides, and another for another", async () => {
    const first = readFileSync(inFolder("play.safetensors"));
    const quiet = await succeed(...train("same.safetensors", "--quiet"));
    expect(quiet).toMatch(/^saved same\.safetensors .*\n$/);
    expect(readFileSync(inFolder("same.safetensors"))).toEqual(first);
    await succeed(...train("same.safetensors", "--sample", "20"));
    expect(readFileSync(inFolder("same.safetensors"))).toEqual(first);
    await succeed(...train("other.safetensors", "--seed", "2"));
    expect(readFileSync(inFolder("other.safetensors"))).not.toEqual(first);
  });

  test("takes every option: words, layers, cells, dropout, samples, nothing held out", async () => {
    const args = ["--words", "--cell", "gru", "--layers", "2", "--dropout", "0.1", "--validation", "0", "--clip", "0"];
    const shown = await shownBy(...train("words.safetensors", ...args, "--sample", "5"));
    expect(shown).not.toMatch(CONTROL);
    expect(shown).toMatch(/play.txt: 1,283 words, 293 different\n1,283 to learn from, 0 held out/);
    expect(shown).toMatch(/epoch 1 of 2: \d\.\d{3} bits a word\n {4}/);
    const { net, tokenizer } = load("words.safetensors");
    expect(tokenizer.kind).toBe("word");
    expect(net.config.layers.map(({ type }) => type)).toEqual(["embedding", "gru", "dropout", "dense"]);
    expect(net.config.layers[1]).toMatchObject({ units: 8, layers: 2, dropout: 0.1 });
  });

  test("goes on from a checkpoint as if there had been no stop, to the same bytes", async () => {
    await succeed(...train("whole.safetensors", "--epochs", "4", "--checkpoint", "whole.checkpoint"));
    await succeed(
      ...train("parts.safetensors", "--epochs", "4", "--resume", "play.checkpoint", "--checkpoint", "parts.checkpoint"),
    );
    for (const kind of ["safetensors", "checkpoint"]) {
      expect(readFileSync(inFolder(`parts.${kind}`))).toEqual(readFileSync(inFolder(`whole.${kind}`)));
    }
    const again = await succeed(...train("again.safetensors", "--epochs", "4", "--resume", "whole.checkpoint"));
    expect(again).toContain("nothing was left to learn, raise --epochs");
    expect(readFileSync(inFolder("again.safetensors"))).toEqual(readFileSync(inFolder("whole.safetensors")));
  });

  test.skipIf(onWindows)("Ctrl-C saves what is learnt and exits with 130; nothing is lost by it", async () => {
    const args = train("stopped.safetensors", "--epochs", "100000", "--checkpoint", "stopped.checkpoint");
    const { child, result } = launch(args);
    child.stderr.once("data", () => {
      child.stderr.once("data", () => child.kill("SIGINT")); // the second is the line of an epoch
    });
    const { code, stdout } = await result;
    expect(code).toBe(130);
    expect(stdout).not.toMatch(CONTROL);
    expect(stdout).toMatch(/saved stopped\.safetensors .*: interrupted after step [\d,]+ of 4,300,000\n/);
    expect(stdout).toMatch(/saved stopped\.checkpoint: go on with --resume stopped\.checkpoint\n$/);
    expect(await succeed("generate", "stopped.safetensors", "--length", "9")).toHaveLength(10);

    const position = await succeed("inspect", "stopped.checkpoint");
    const epochs = String(Number(/training: ([\d,]+) epochs? complete/.exec(position)![1]!.replace(",", "")) + 2);
    await succeed(...train("resumed.safetensors", "--epochs", epochs, "--resume", "stopped.checkpoint"));
    await succeed(...train("straight.safetensors", "--epochs", epochs));
    expect(readFileSync(inFolder("resumed.safetensors"))).toEqual(readFileSync(inFolder("straight.safetensors")));
  });

  test("numbers that get out of hand end the run, and a good file stays", async () => {
    copyFileSync(inFolder("play.safetensors"), inFolder("good.safetensors"));
    const { code, stderr } = await unrolled(...train("good.safetensors", "--learning-rate", "1e30", "--quiet"));
    expect(stderr).toBe(
      "unrolled: the loss is not finite at step 2, and no model is saved: lower --learning-rate or --clip\n",
    );
    expect(code).toBe(1);
    expect(readFileSync(inFolder("good.safetensors"))).toEqual(readFileSync(inFolder("play.safetensors")));
  });

  test.skipIf(onWindows)("replaces the file that a link leads to, and keeps its rights", async () => {
    writeFileSync(inFolder("secret.safetensors"), "");
    chmodSync(inFolder("secret.safetensors"), 0o600);
    symlinkSync("secret.safetensors", inFolder("link.safetensors"));
    await succeed(...train("link.safetensors", "--quiet"));
    expect(lstatSync(inFolder("link.safetensors")).isSymbolicLink()).toBe(true);
    expect(statSync(inFolder("secret.safetensors")).mode & 0o777).toBe(0o600);
    expect(readFileSync(inFolder("secret.safetensors"))).toEqual(readFileSync(inFolder("play.safetensors")));
  });

  test("goes on when nobody reads what it shows", async () => {
    const { child, result } = launch(["train", "play.txt", ...small, "--output", "unread.safetensors"]);
    child.stdout.destroy();
    child.stderr.destroy();
    expect(await result).toMatchObject({ code: 0 });
    expect(existsSync(inFolder("unread.safetensors"))).toBe(true);
  });
});

describe("unrolled generate", () => {
  const generated = (...args: string[]) => succeed("generate", "play.safetensors", ...args);

  test("writes the prompt and what the library makes of it", async () => {
    const { net, tokenizer } = load("play.safetensors");
    const options = { prompt: "ORLANDO", length: 60, temperature: 0.7, topK: 20, topP: 0.9, seed: 5 };
    const args = ["--length", "60", "--temperature", "0.7", "--top-k", "20", "--top-p", "0.9", "--seed", "5"];
    const text = generateText(net, tokenizer, options);
    expect(await generated("--prompt", "ORLANDO", ...args)).toBe(`ORLANDO${text}\n`);
  });

  test("begins with a new line if there is no prompt, and does not write it", async () => {
    const { net, tokenizer } = load("play.safetensors");
    const text = generateText(net, tokenizer, { prompt: "\n", length: 200, temperature: 0.8, seed: 0 });
    expect(await generated()).toBe(`${text}\n`);
  });

  test("begins with the first symbol if the text had one line only", async () => {
    writeFileSync(inFolder("line.txt"), "cabbage ".repeat(40));
    await succeed("train", "line.txt", ...small);
    const { net, tokenizer } = load("line.safetensors");
    const text = generateText(net, tokenizer, { prompt: " ", length: 9, temperature: 0 });
    expect(await succeed("generate", "line.safetensors", "--length", "9", "--temperature", "0")).toBe(`${text}\n`);
  });

  test("the same seed writes the same text, another seed another", async () => {
    const [one, same, other] = await Promise.all(["3", "3", "4"].map((seed) => generated("--seed", seed)));
    expect(same).toBe(one);
    expect(other).not.toBe(one);
  });

  test("temperature 0 and top-k 1 are the same; length 0 writes the prompt", async () => {
    expect(await generated("--temperature", "0")).toBe(await generated("--top-k", "1"));
    expect(await generated("--length", "0", "--prompt", "Enter")).toBe("Enter\n");
  });

  test("takes a checkpoint too", async () => {
    expect(await succeed("generate", "play.checkpoint")).toBe(await generated());
  });

  test("writes words", async () => {
    const text = await succeed("generate", "words.safetensors", "--prompt", "Enter", "--length", "3");
    expect(text.startsWith("Enter")).toBe(true);
  });

  test("a reader that has enough is no error", async () => {
    const { child, result } = launch(["generate", "play.safetensors", "--length", "100000000"]);
    child.stdout.once("data", () => child.stdout.destroy());
    expect(await result).toMatchObject({ code: 0, stderr: "" });
  });
});

describe("unrolled convert", () => {
  const model = (name: string) => join(root, "test/models", name);

  test("takes over models of other libraries, and inspect shows them", async () => {
    for (const [from, name] of [
      ["keras/sequential.keras", "Keras"],
      ["tensorflowJs/functional.json", "TensorFlow.js"],
    ] as const) {
      expect(await succeed("convert", model(from), "made.safetensors", "--dtype", "f16")).toContain(`from ${name}, `);
      const net = Network.load(readFileSync(inFolder("made.safetensors")));
      expect(net.metadata.origin).toContain(name === "Keras" ? '"keras"' : '"tensorflow.js"');
      const shown = await succeed("inspect", model(from));
      expect(shown).toContain(`, ${name}\n`);
      expect(shown).toContain("parameters");
      expect(shown).toContain(`origin: ${net.metadata.origin!}`);
    }
  });

  test("ONNX out and in again, and a safetensors file whose first byte is PyTorch's", async () => {
    const net = new Network({ input: { features: 3 }, layers: [lstm(5), dense(2)] });
    for (let i = 0; net.save()[0] !== 0x80; i++) net.metadata.note = "x".repeat(i);
    writeFileSync(inFolder("net.safetensors"), net.save());
    expect(await succeed("convert", "net.safetensors", "net.onnx")).toContain("from safetensors, ");
    expect(await succeed("inspect", "net.onnx")).toMatch(/, ONNX\n[^]*origin: .*"opset":17/);
    await succeed("convert", "net.onnx", "again.safetensors");
    expect(Network.load(readFileSync(inFolder("again.safetensors"))).parameterVector).toEqual(net.parameterVector);
  });

  test("PyTorch's tensors as they are, or a network with --config", async () => {
    const args = ["convert", model("pytorch/checkpoint.pth"), "torch2.safetensors", "--key", "model_state_dict"];
    expect(await succeed(...args)).toContain("tensors only");
    expect(await succeed("inspect", "torch2.safetensors")).toContain("rnn.weight_hh_l1_reverse");
    const layers = [
      { type: "embedding", units: 6, name: "emb" },
      { type: "gru", units: 5, layers: 2, bidirectional: true, name: "rnn" },
      { type: "lstm", units: 7, name: "lstm" },
      { type: "dense", units: 3, name: "head" },
    ];
    writeFileSync(inFolder("layers.json"), JSON.stringify({ input: { tokens: 11 }, layers }));
    await succeed(...args, "--config", "layers.json", "--dtype", "i8");
    expect(Network.load(readFileSync(inFolder("torch2.safetensors"))).config.layers).toHaveLength(4);
  });

  test.each<[string, string[], 1 | 2, string]>([
    ["ONNX in fewer bits", ["convert", model("keras/last.keras"), "a.onnx", "--dtype", "f16"], 2, "leave --dtype out"],
    [
      "another ending",
      ["convert", model("keras/last.keras"), "a.onnxx"],
      2,
      "its name must end in .safetensors or .onnx",
    ],
    ["the same file", ["convert", "play.safetensors", "play.safetensors"], 2, "is the file to read"],
    [
      "a type without layers",
      ["convert", model("pytorch/tagger.pt"), "a.safetensors", "--dtype", "f16"],
      2,
      "--config",
    ],
    ["Keras weights alone", ["convert", model("keras/sequential.weights.h5"), "a.safetensors"], 1, "--config"],
    [
      "a hostile file",
      ["convert", model("pytorch/evil.pt"), "a.safetensors"],
      1,
      'evil.pt: the file names "posix.system"',
    ],
    ["an unknown type", ["convert", model("keras/last.keras"), "a.safetensors", "--dtype", "f8"], 2, "f32, f16, i8"],
  ])("refuses %s", async (_, args, code, text) => {
    await expectFailure(args, code, text);
    expect(existsSync(inFolder("a.safetensors"))).toBe(false);
  });
});

describe("unrolled inspect", () => {
  test("shows a model", async () => {
    const shown = await succeed("inspect", "play.safetensors");
    expect(shown).not.toMatch(CONTROL);
    expect(shown).toContain(load("play.safetensors").net.summary());
    expect(shown).toContain("\nseed: 1\ntask: text, character by character\ntokenizer: 65 characters\n");
    expect(shown).toMatch(/\nlstm\.weight_ih_l0 +F32 +\[32, 4\] +512 bytes\n/);
    expect(shown).toMatch(/\nmetadata: tokenizer, unrolled\n$/);
    expect(shown).not.toContain("training:");
  });

  test("shows where the training of a checkpoint is", async () => {
    const shown = await succeed("inspect", "play.checkpoint");
    expect(shown).toContain("\ntraining: 2 epochs complete, 0 steps of the next; 86 steps in all\n");
    expect(shown).toContain("\noptimizer: adam, learningRate 0.005, ");
    expect(shown).toMatch(/\nloss of the last epoch, in nats: \d\.\d{3}, held out \d\.\d{3}\n/);
    expect(shown).toMatch(/\n__training__\.random +U8 +\[64\] +64 bytes\n/);
  });

  test("lists the tensors of a file from PyTorch", async () => {
    const shown = await succeed("inspect", "torch.safetensors");
    expect(shown).toMatch(/^torch.safetensors: 6\.1 kB\n\nno description of a network, only tensors\n\n/);
    expect(shown).toMatch(/\ntensor +type +shape +size\nemb\.weight +F32 +\[7, 3\] +84 bytes\n/);
    expect(shown).toMatch(/\nmetadata: format\n$/);
  });
});

// -------------------------------------------------------------------------------------------------- parts, by themselves

describe("values of options", () => {
  test.each([
    [
      "integer(1)",
      integer(1),
      ["1", "+7", "1e3", "2147483647"],
      ["0", "-1", "1.5", "2147483648", "", " ", "ten", "0x10", "1_0"],
    ],
    ["integer(0, 9)", integer(0, 9), ["0", "9", "9."], ["10", "-1", "NaN"]],
    ["number(0)", number(0), ["0", ".5", "1e300"], ["-1e-9", "1e999", "Infinity", "0.5.", "1,5", "--1"]],
    ["number above 0", number(0, Infinity, { above: true }), ["1e-9"], ["0", "-0"]],
    ["number below 1", number(0, 1, { below: true }), ["0", "0.999"], ["1", "1.5", "-0.1"]],
    ["number above 0 to 1", number(0, 1, { above: true }), ["1", "1e-9"], ["0", "1.01"]],
  ])("%s takes %j and not %j", (_, parse, good, bad) => {
    expect(good.map(parse)).toEqual(good.map(Number));
    for (const text of bad) expect(() => parse(text)).toThrow(/^It must be a (whole )?number /);
  });
});

// ---------------------------------------------------------------------------------------------- progress, fake clock

const status: Status = { step: 275, steps: 1100, epoch: 3, epochs: 10, loss: 1.5, rate: 41_234, secondsLeft: 95 };
const characters = { unit: "character", inBits: true };
const late: Status = {
  ...{ step: 999_999, steps: 1_000_000, epoch: 1000, epochs: 1000 },
  ...{ loss: 12_345.678, rate: 999_600, secondsLeft: 360_000 },
};

describe("numbers for people", () => {
  test.each([
    [0, "0s"],
    [59.4, "59s"],
    [59.6, "1m00s"],
    [80, "1m20s"],
    [3599.6, "1h00m"],
    [7530, "2h06m"],
    [86_399, "1d00h"],
    [273_600, "3d04h"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });

  test.each([
    [0, "0"],
    [999.4, "999"],
    [999.6, "1.0k"],
    [9949, "9.9k"],
    [9960, "10k"],
    [118_400, "118k"],
    [999_600, "1.0M"],
    [12_300_000, "12M"],
  ])("a rate of %d is %s", (rate, text) => {
    expect(formatRate(rate)).toBe(text);
  });

  test.each([
    [1, "1 byte"],
    [999, "999 bytes"],
    [1000, "1.0 kB"],
    [999_949, "999.9 kB"],
    [999_950, "1.0 MB"],
    [23_456_789, "23.5 MB"],
  ])("%d bytes are %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe("progress", () => {
  /** A clock that stands still until it is told. */
  function clock() {
    const time = { ms: 5_000_000 };
    return { now: () => time.ms, pass: (seconds: number) => void (time.ms += seconds * 1000) };
  }

  test("the pace is the mean since the start, and the time left follows from it", () => {
    const { now, pass } = clock();
    const pace = new Pace(now);
    pass(2);
    pace.add(2048);
    expect(pace.outlook(99)).toEqual({ rate: 1024, secondsLeft: 198 });
    pass(1);
    pace.add(952);
    expect(pace.outlook(98)).toEqual({ rate: 1000, secondsLeft: 147 });
    expect(pace.outlook(0).secondsLeft).toBe(0);
    expect(pace.seconds).toBe(3);
  });

  test("the pace is a number even if no time has passed", () => {
    const pace = new Pace(clock().now);
    pace.add(10);
    expect(Object.values(pace.outlook(5)).every(Number.isFinite)).toBe(true);
  });

  test("the bar shows step, loss, bits, rate and time left in 80 columns, and more in 120", () => {
    expect(barLine(status, characters, 80)).toBe(
      "████░░░░░░░░░░ 275/1100  loss 1.500  2.164 bits/char  41k chars/s  1m35s left",
    );
    expect(barLine(status, { unit: "word", inBits: true }, 120)).toBe(
      "████████░░░░░░░░░░░░░░░░░░░░░░ 25%  epoch 3/10  275/1100  loss 1.500  2.164 bits/word  41k words/s  1m35s left",
    );
  });

  test.each([20, 40, 60, 80, 100, 120, 200])("the bar leaves room for ^C in %d columns", (columns) => {
    for (const one of [status, late, { ...status, step: 0 }]) {
      const line = barLine(one, characters, columns);
      if (columns >= 60) expect(line.length).toBeLessThanOrEqual(columns - 3);
      if (columns >= 60) expect(line).toMatch(/[█░]{10,30} .*bits\/char.* left$/);
    }
  });

  test("the plain line says the same in words", () => {
    expect(plainLine(status, characters)).toBe(
      "step 275 of 1,100, epoch 3 of 10, loss 1.500, 2.164 bits a character, 41,234 characters a second, 1m35s left",
    );
  });

  test("a stream that is no terminal gets a line every five seconds", () => {
    const { now, pass } = clock();
    const stream = new PassThrough();
    const progress = createProgress({ terms: characters, stream, now });
    for (let second = 1; second <= 11; second++) {
      pass(1);
      progress.update({ ...status, step: second });
    }
    progress.print("a line");
    progress.stop();
    const lines = String(stream.read()).split("\n");
    expect(lines.map((line) => line.slice(0, 9))).toEqual(["step 5 of", "step 10 o", "a line", ""]);
  });

  test("a terminal gets a bar that is gone at the end, and lines that stay", () => {
    vi.useFakeTimers();
    try {
      const stream = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
      const progress = createProgress({ terms: characters, stream });
      progress.update(status);
      progress.print("a line");
      progress.update({ ...status, step: 550 });
      expect(vi.getTimerCount()).toBe(1);
      progress.stop();
      expect(vi.getTimerCount()).toBe(0);
      const drawn = String(stream.read());
      expect(drawn).toContain(barLine(status, characters, 80));
      expect(drawn).toContain("a line\n");
      expect(drawn).toContain(barLine({ ...status, step: 550 }, characters, 80));
      expect(drawn.endsWith("\x1b[2K\x1b[0J")).toBe(true); // the line is cleared, and what is below it
    } finally {
      vi.useRealTimers();
    }
  });

  test("quiet shows nothing", () => {
    const stream = new PassThrough();
    const progress = createProgress({ terms: characters, stream, quiet: true });
    progress.update(status);
    progress.print("a line");
    progress.stop();
    expect(stream.read()).toBeNull();
  });
});
