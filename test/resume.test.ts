import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, test } from "vitest";
import {
  adam,
  crossEntropy,
  dense,
  dropout,
  FormatError,
  gru,
  lstm,
  meanSquaredError,
  Network,
  sgd,
  stepDecay,
  type FitOptions,
  type TrainingData,
} from "../bindings/index.ts";
import { readSafetensors, writeSafetensors, type RawTensor } from "../bindings/io/safetensors.ts";
import { finish, runs, type End, type Run } from "./child/runs.ts";
import { bitsOf, expectError, indices, lehmer, numbers, parametersOf, stateOf } from "./support.ts";

const folder = mkdtempSync(join(tmpdir(), "unrolled-"));
afterAll(() => rmSync(folder, { recursive: true }));

const script = fileURLToPath(new URL("child/resume.ts", import.meta.url));

/** The end of a run that a new process takes up. */
async function inNewProcess(name: string, checkpoint: Uint8Array): Promise<End> {
  const path = join(folder, "checkpoint.safetensors");
  writeFileSync(path, checkpoint);
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", script, name, path]);
  return JSON.parse(stdout) as End;
}

/** The run to its end, with a checkpoint after each step. */
async function checkpointsOf(run: Run): Promise<{ end: End; checkpoints: Uint8Array[] }> {
  const checkpoints: Uint8Array[] = [];
  const end = await finish(run.make(1), run, undefined, (trainer) => checkpoints.push(trainer.checkpoint()));
  return { end: JSON.parse(JSON.stringify(end)) as End, checkpoints };
}

describe.each(Object.entries(runs))("%s", (name, run) => {
  test("stopped at a random step and taken up by a new process, it ends with the same bits", async () => {
    const { end, checkpoints } = await checkpointsOf(run);
    expect(checkpoints.length).toBeGreaterThan(10);
    const stop = Math.floor(lehmer(name.length)() * (checkpoints.length - 1));
    expect(await inNewProcess(name, checkpoints[stop]!)).toEqual(end);
  });

  test("stopped at any step and taken up here, it ends with the same bits", async () => {
    const { end, checkpoints } = await checkpointsOf(run);
    for (const checkpoint of checkpoints) {
      const net = run.make(7);
      expect(JSON.parse(JSON.stringify(await finish(net, run, checkpoint)))).toEqual(end);
    }
  });

  test("a checkpoint before the first step, and one of a run taken up", async () => {
    const { end, checkpoints } = await checkpointsOf(run);
    const { validation: _v, earlyStopping: _e, ...options } = run.options;
    const first = run.make(1).train(run.data, options).checkpoint();
    expect(JSON.parse(JSON.stringify(await finish(run.make(7), run, first)))).toEqual(end);
    const again = run.make(1).train(run.data, { ...options, resume: checkpoints[3]! });
    expect(bitsOf(again.checkpoint())).toBe(bitsOf(checkpoints[3]!));
  });

  test("Network.load takes the checkpoint for the network it holds, without the training", async () => {
    const { checkpoints } = await checkpointsOf(run);
    const states: string[] = [];
    const saved: string[] = [];
    const net = run.make(1);
    await finish(net, run, undefined, () => {
      states.push(bitsOf(parametersOf(net)));
      saved.push(bitsOf(net.save()));
    });
    const loaded = Network.load(checkpoints[5]!);
    expect(bitsOf(parametersOf(loaded))).toBe(states[5]);
    expect(loaded.metadata).toEqual({});
    expect(bitsOf(loaded.save())).toBe(saved[5]);
  });
});

describe("a run of fit", () => {
  const make = (seed = 0) => new Network({ input: { features: 2 }, layers: [gru(3), dense(2)], seed });
  const data = { inputs: numbers([6, 3, 2]), targets: numbers([6, 3, 2], 2) };
  const validation = { inputs: numbers([6, 3, 2], 8), targets: numbers([6, 3, 2], 9) };
  const options: FitOptions = {
    loss: meanSquaredError(),
    optimizer: adam({ learningRate: 0.05 }),
    batchSize: 3,
    epochs: 100,
  };

  test("taken up after the epoch at which it stopped early: it is over, with the best parameters", async () => {
    const earlyStopping = { patience: 2 };
    let checkpoint: Uint8Array | undefined;
    const net = make();
    const onEpoch: FitOptions["onEpoch"] = (_, trainer) => (checkpoint = trainer.checkpoint());
    const history = await net.fit(data, { ...options, validation, earlyStopping, onEpoch });
    expect(history.stoppedEarly).toBe(true);
    const other = make(5);
    let steps = 0;
    const resumed = { ...options, validation, earlyStopping, resume: checkpoint!, onStep: () => steps++ };
    expect(await other.fit(data, resumed)).toEqual(history);
    expect(steps).toBe(0);
    expect(stateOf(other)).toBe(stateOf(net));
  });

  test("a validation loss that is not finite comes back as NaN", async () => {
    const far = { inputs: data.inputs, targets: numbers([6, 3, 2]) };
    far.targets.data.fill(3e38);
    let checkpoint: Uint8Array | undefined;
    const onEpoch: FitOptions["onEpoch"] = (_, trainer) => (checkpoint ??= trainer.checkpoint());
    const layers = [dense(2)];
    const net = new Network({ input: { features: 2 }, layers });
    net.parameter("dense.bias").set([-3e38, -3e38]);
    const still = { ...options, optimizer: sgd({ learningRate: 0 }), epochs: 2 };
    const near = { inputs: data.inputs, targets: numbers([6, 3, 2]) };
    near.targets.data.fill(-3e38);
    const { validationLoss } = await net.fit(near, { ...still, validation: far, onEpoch });
    expect(validationLoss).toEqual([Infinity, Infinity]);
    const resumed = await net.fit(near, { ...still, validation: far, resume: checkpoint! });
    expect(resumed.validationLoss).toEqual([NaN, Infinity]);
  });

  test("more epochs may follow, and the user's texts are in the checkpoint", async () => {
    const [long, short, rest] = [make(), make(), make(5)];
    short.metadata.tokenizer = '{"kind":"character"}';
    await long.fit(data, { ...options, epochs: 7 });
    let checkpoint: Uint8Array | undefined;
    await short.fit(data, { ...options, epochs: 4, onEpoch: (_, trainer) => (checkpoint = trainer.checkpoint()) });
    await rest.fit(data, { ...options, epochs: 7, resume: checkpoint! });
    expect(stateOf(rest)).toBe(stateOf(long));
    expect(Network.load(checkpoint!).metadata).toEqual(short.metadata);
  });
});

describe("others at work on the same network in between", () => {
  const make = () => new Network({ input: { features: 2 }, layers: [gru(3), dense(2)] });
  const data = { inputs: numbers([6, 3, 2]), targets: numbers([6, 3, 2], 2) };
  const options = { loss: meanSquaredError(), optimizer: adam(), epochs: 4, batchSize: 3, shuffle: false };
  const still = sgd({ momentum: 0.9, learningRate: 0 });

  test("an optimizer of another kind: the run goes on as if alone, and so does its checkpoint", () => {
    const [alone, net, other] = [make(), make(), make()];
    const reports = [...alone.train(data, options)];
    const trainer = net.train(data, options);
    for (let step = 0; step < 3; step++) trainer.next();
    net.step(still);
    const resumed = other.train(data, { ...options, resume: trainer.checkpoint() });
    expect([...resumed]).toEqual(reports.slice(3));
    expect([...trainer]).toEqual(reports.slice(3));
    expect(stateOf(other)).toBe(stateOf(alone));
    expect(stateOf(net)).toBe(stateOf(alone));
  });

  test("the optimizer of net.step: it goes on as if alone", () => {
    const run = (between: (net: Network) => void) => {
      const net = make();
      for (let step = 0; step < 4; step++) {
        net.forward(data.inputs, { training: true });
        net.loss(meanSquaredError(), data.targets);
        net.zeroGrad();
        net.backward();
        net.step(adam());
        between(net);
      }
      return stateOf(net);
    };
    const alone = run(() => undefined);
    expect(run((net) => net.train(data, { ...options, optimizer: still }).next())).toBe(alone);
    expect(run((net) => net.train(data, { ...options, optimizer: adam({ amsgrad: true, learningRate: 0 }) }))).toBe(
      alone,
    );
  });

  test("two trainers in turns, one of which learns nothing, however many slots each needs", () => {
    const alone = make();
    for (const _ of alone.train(data, { ...options, averaging: { decay: 0.5 } }));
    for (const optimizer of [still, adam({ learningRate: 0, amsgrad: true }), sgd({ learningRate: 0 })]) {
      const net = make();
      const trainer = net.train(data, { ...options, averaging: { decay: 0.5 } });
      const idle = net.train(data, { ...options, optimizer });
      while (!trainer.next().done) idle.next();
      expect(stateOf(net)).toBe(stateOf(alone));
    }
  });

  test("two calls of fit at a time: each keeps the memory of its own optimizer", async () => {
    const [alone, both] = [make(), make()];
    await alone.fit(data, { ...options, yieldEvery: 1 });
    await Promise.all([
      both.fit(data, { ...options, yieldEvery: 1 }),
      both.fit(data, { ...options, optimizer: still, yieldEvery: 1 }),
    ]);
    expect(stateOf(both)).toBe(stateOf(alone));
  });

  test("a second run begins anew, with nothing of the first one's optimizer", () => {
    const [twice, once] = [make(), make()];
    for (const _ of twice.train(data, options));
    once.parameters.forEach((parameter, k) => parameter.set(twice.parameters[k]!.value));
    expect([...twice.train(data, options)]).toEqual([...once.train(data, options)]);
    expect(bitsOf(parametersOf(twice))).toBe(bitsOf(parametersOf(once)));
  });
});

describe("checkpoints that do not fit", () => {
  const make = () => new Network({ input: { features: 2 }, layers: [lstm(3), dropout(0.5), dense(2)] });
  const data: TrainingData = { inputs: numbers([6, 4, 2]), targets: numbers([6, 4, 2], 2) };
  const options = { loss: meanSquaredError(), optimizer: adam(), epochs: 3, batchSize: 2, clipNorm: 1 };
  const trainer = make().train(data, options);
  for (let step = 0; step < 4; step++) trainer.next();
  const checkpoint = trainer.checkpoint();

  /** The checkpoint with other tensors or another position. */
  function forged(change: (tensors: Map<string, RawTensor>, position: Record<string, unknown>) => unknown): Uint8Array {
    const { tensors, metadata } = readSafetensors(checkpoint);
    const copy = new Map(tensors);
    const position = JSON.parse(metadata["unrolled.training"]!) as Record<string, unknown>;
    const text = change(copy, position);
    return writeSafetensors(copy, {
      ...metadata,
      "unrolled.training": typeof text === "string" ? text : JSON.stringify(position),
    });
  }
  const i32 = (...values: number[]): RawTensor => {
    return { dtype: "I32", shape: [values.length], bytes: new Uint8Array(Int32Array.from(values).buffer) };
  };
  const f32 = (size: number): RawTensor => ({ dtype: "F32", shape: [size], bytes: new Uint8Array(size * 4) });
  const position = (change: Record<string, unknown>) => forged((_, at) => Object.assign(at, change));
  const fit = (value: unknown) => position({ fit: value });
  const tensorOf = (name: string, value: RawTensor) => forged((tensors) => tensors.set(`__training__.${name}`, value));
  const size = readSafetensors(checkpoint).tensors.get("__training__.slot0")!.shape[0]!;

  const files: [string, Uint8Array, FormatError["code"], RegExp][] = [
    ["nothing", new Uint8Array(0), "truncated", /8 bytes or more/],
    ["junk", new Uint8Array(1000).fill(7), "malformed", /header/],
    ["half of it", checkpoint.subarray(0, checkpoint.length >> 1), "truncated", /expected/],
    ["a byte too few", checkpoint.subarray(0, -1), "truncated", /expected/],
    ["a byte too many", new Uint8Array([...checkpoint, 0]), "malformed", /bytes of data/],
    ["a network without training", make().save(), "mismatch", /has no training in it: "resume" takes bytes of Trainer/],
    [
      "a position that is no JSON",
      forged(() => "{"),
      "malformed",
      /"position" is not what Trainer.checkpoint\(\) writes/,
    ],
    ["a position that is a list", forged(() => "[]"), "malformed", /"position"/],
    ["a position that nests deep", forged(() => "[".repeat(1e5) + "]".repeat(1e5)), "malformed", /"position"/],
    ["a batch beyond the epoch", position({ batch: 3 }), "malformed", /"position"/],
    ["a batch −1", position({ batch: -1 }), "malformed", /"position"/],
    ["half an epoch", position({ epoch: 0.5 }), "malformed", /"position"/],
    ["steps as a text", position({ steps: "4" }), "malformed", /"position"/],
    ["no number of steps of the optimizer", position({ optimizerSteps: undefined }), "malformed", /"position"/],
    ["a sum that is null", position({ sum: null }), "malformed", /"position"/],
    ["a mean of half a step", position({ averaged: 0.5 }), "malformed", /"position"/],
    ["no plateau", position({ plateau: undefined }), "malformed", /"position"/],
    ["a plateau without counts", position({ plateau: { observed: 1 } }), "malformed", /"position"/],
    [
      "a plateau whose best is a text",
      position({ plateau: { observed: 1, waited: 0, cooldown: 0, reductions: 0, best: "1" } }),
      "malformed",
      /"position"/,
    ],
    ["no setup", position({ setup: undefined }), "malformed", /"position"/],
    ["a setup that is a text", position({ setup: "x" }), "malformed", /"position"/],
    [
      "another setup",
      position({ setup: { optimizer: { type: "sgd" } } }),
      "mismatch",
      /another "optimizer", an object, than/,
    ],
    ["no fit", fit(undefined), "malformed", /"position"/],
    ["a history that is a number", fit({ history: 5 }), "malformed", /"position"/],
    ["a history without lists", fit({ history: {} }), "malformed", /"position"/],
    [
      "a history of texts",
      fit({ history: { loss: ["1"], validationLoss: [], validationAccuracy: [] } }),
      "malformed",
      /pos/,
    ],
    ["epochs waited as a text", fit({ waited: "1" }), "malformed", /"position"/],
    ["no order", forged((tensors) => tensors.delete("__training__.order")), "malformed", /"__training__.order"/],
    ["an order of others", tensorOf("order", i32(0, 1, 2, 3, 4, 6)), "malformed", /"__training__.order"/],
    ["an order with one twice", tensorOf("order", i32(0, 1, 2, 3, 4, 4)), "malformed", /"__training__.order"/],
    ["an order with −1", tensorOf("order", i32(0, 1, 2, 3, 4, -1)), "malformed", /"__training__.order"/],
    ["an order that is too short", tensorOf("order", i32(0)), "malformed", /"__training__.order"/],
    ["an order of floats", tensorOf("order", f32(6)), "malformed", /"__training__.order"/],
    ["a state of another size", tensorOf("carried", f32(5)), "malformed", /"__training__.carried"/],
    [
      "a generator of 3 bytes",
      tensorOf("random", { dtype: "U8", shape: [3], bytes: new Uint8Array(3) }),
      "malformed",
      /random/,
    ],
    ["no second slot", forged((tensors) => tensors.delete("__training__.slot1")), "malformed", /"__training__.slot1"/],
    ["a slot of another size", tensorOf("slot0", f32(size - 4)), "malformed", /"__training__.slot0"/],
    ["best parameters beyond the memory", tensorOf("best", f32(size + 100000)), "malformed", /"__training__.best"/],
    ["no weights", forged((tensors) => tensors.delete("dense.weight")), "mismatch", /no tensor "dense.weight"/],
  ];

  test.each(files)("%s", (_, resume, code, text) => {
    const net = make();
    const before = stateOf(net);
    net.step(sgd({ momentum: 0.9 }));
    expect(stateOf(net)).toBe(before);
    let error: unknown;
    try {
      net.train(data, { ...options, resume });
    } catch (thrown) {
      error = thrown;
    }
    expectError(error, FormatError, text);
    expect((error as FormatError).code).toBe(code);
    expect(stateOf(net)).toBe(before);
    expect([...net.train(data, options)].length).toBe(9);
  });

  const wide = () => new Network({ input: { features: 2 }, layers: [lstm(4), dropout(0.5), dense(2)] });
  const classes = { inputs: data.inputs, targets: indices([6, 4], 2) };
  const others: [string, Network, TrainingData, object, RegExp][] = [
    ["another network", wide(), data, {}, /tensor "lstm.weight_ih_l0" expected shape \[16, 2\], got \[12, 2\]/],
    [
      "more examples",
      make(),
      { inputs: numbers([8, 4, 2]), targets: numbers([8, 4, 2]) },
      {},
      /another "inputs", "\[6,4,2\]", than "\[8,4,2\]"/,
    ],
    ["longer examples", make(), { inputs: numbers([6, 5, 2]), targets: numbers([6, 5, 2]) }, {}, /another "inputs"/],
    [
      "another loss",
      make(),
      classes,
      { loss: crossEntropy() },
      /another "loss", .*meanSquaredError.*: give "resume" the same/,
    ],
    ["another optimizer", make(), data, { optimizer: sgd() }, /another "optimizer"/],
    ["another rate", make(), data, { optimizer: adam({ learningRate: 0.1 }) }, /another "optimizer"/],
    ["another batch size", make(), data, { batchSize: 3 }, /another "batchSize", "2", than "3"/],
    ["another order", make(), data, { shuffle: false }, /another "shuffle", "true", than "false"/],
    ["cut in time", make(), data, { truncate: 2, shuffle: true }, /another "truncate", "null", than "2"/],
    ["another clipNorm", make(), data, { clipNorm: 2 }, /another "clipNorm"/],
    ["clipValue too", make(), data, { clipValue: 2 }, /another "clipValue"/],
    ["accumulated", make(), data, { accumulate: 2 }, /another "accumulate", "1", than "2"|"position"/],
    ["with an L1 penalty", make(), data, { l1: 0.1 }, /another "l1", "0", than "0.1"/],
    ["with a schedule", make(), data, { schedule: stepDecay({ epochs: 2 }) }, /another "schedule", "null", than/],
    ["with a mean", make(), data, { averaging: { decay: 0.9 } }, /another "averaging", "null", than/],
    ["with a group", make(), data, { groups: [{ match: "lstm", frozen: true }] }, /another "groups", "null", than/],
  ];
  test.each(others)("%s is a mismatch", (_, net, data, change, text) => {
    const before = stateOf(net);
    const resume = () => net.train(data, { ...options, ...change, resume: checkpoint });
    expect(resume).toThrow(FormatError);
    expect(resume).toThrow(text);
    expect(stateOf(net)).toBe(before);
  });

  test("a layer without states notices another batch size too", () => {
    const flat = () => new Network({ input: { features: 2 }, layers: [dense(2)] });
    const trainer = flat().train(data, options);
    trainer.next();
    expect(() => flat().train(data, { ...options, batchSize: 3, resume: trainer.checkpoint() })).toThrow(/"batchSize"/);
  });
});
