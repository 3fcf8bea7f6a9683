import { describe, expect, test } from "vitest";
import {
  adam,
  batchNorm,
  dense,
  dropout,
  elman,
  embedding,
  FormatError,
  gru,
  jordan,
  last,
  layerNorm,
  lstm,
  meanSquaredError,
  Network,
  tdnn,
  tensor,
  type LayerDescription,
  type Stream,
  type Tensor,
} from "../bindings/index.ts";
import { expectError, indices, numbers, stateOf } from "./support.ts";

const T = 9;

const stacks: Readonly<Record<string, readonly LayerDescription[]>> = {
  elman: [elman(5), dense(3)],
  "elman, relu, without bias": [elman(8, { activation: "relu", bias: false }), dense(4)],
  "elman, sigmoid, two layers": [elman(5, { activation: "sigmoid", layers: 2 }), dense(3)],
  lstm: [lstm(4), dense(4)],
  "lstm, three layers": [lstm(5, { layers: 3, dropout: 0.5 }), dropout(0.5), dense(3)],
  gru: [gru(7), dense(3, { activation: "softmax" })],
  "gru, reset before, two layers": [gru(6, { reset: "before", layers: 2 }), dense(5)],
  "lstm with everything": [
    lstm(5, {
      ...{ projection: 3, peepholes: true, layerNorm: true, cellClip: 0.3, gateClip: 2, coupled: true, layers: 2 },
      ...{ learnInitialState: true, recurrentDropout: 0.5, zoneout: { h: 0.1, c: 0.3 } },
    }),
    dense(3),
  ],
  "zoneout of gru and elman": [gru(5, { zoneout: 0.2 }), elman(4, { zoneout: 0.4, layers: 2 }), dense(3)],
  "one of each": [lstm(5), elman(4), gru(3), dense(2, { activation: "tanh" })],
  // Without momentum the training in between does not move what it normalises by.
  "batch normalisation": [lstm(5), batchNorm({ momentum: 0 }), dense(3)],
  "layer normalisation": [lstm(5), layerNorm(), dense(3), layerNorm({ affine: false })],
  "time delays": [
    tdnn(5, { activation: "tanh" }),
    tdnn(4, { context: 3, dilation: 4 }),
    gru(3),
    tdnn(2, { delays: [0] }),
  ],
  jordan: [jordan(5, { outputs: 3 }), jordan(4, { outputs: 8, outputActivation: "softmax", decay: 0.7 }), dense(2)],
  "no state": [dense(5, { activation: "silu" }), dense(3)],
};

/** A network, its input of B sequences, and the step of a stream at time t. */
interface Setting {
  readonly net: Network;
  readonly input: Tensor | Tensor<Int32Array>;
  readonly at: (t: number) => Float32Array | Int32Array;
}

function setting(layers: readonly LayerDescription[], tokens: boolean, B: number): Setting {
  if (tokens) {
    const net = new Network({ input: { tokens: 7 }, layers: [embedding(5), ...layers], seed: 3 });
    const input = indices([B, T], 7);
    return { net, input, at: (t) => Int32Array.from({ length: B }, (_, b) => input.data[b * T + t]!) };
  }
  const net = new Network({ input: { features: 3 }, layers, seed: 3 });
  const input = numbers([B, T, 3]);
  const at = (t: number) =>
    Float32Array.from({ length: B * 3 }, (_, i) => input.data[(Math.floor(i / 3) * T + t) * 3 + (i % 3)]!);
  return { net, input, at };
}

/** All steps of a stream as [batch, time, outputs]. */
function collect(stream: Stream, at: Setting["at"], from = 0): Float32Array[] {
  return Array.from({ length: T - from }, (_, t) => stream.step(at(from + t)).slice());
}

/** Step t of an output [batch, time, outputs]. */
function stepOf({ data, shape }: Tensor, t: number): Float32Array {
  const [B = 1, steps = 1, F = 1] = shape;
  return Float32Array.from({ length: B * F }, (_, i) => data[(Math.floor(i / F) * steps + t) * F + (i % F)]!);
}

const cases = Object.entries(stacks).flatMap(([name, layers]) =>
  [false, true].flatMap((tokens) => [1, 3].map((B) => [name, tokens ? "tokens" : "features", B, layers] as const)),
);

describe.each(cases)("%s, %s, batch %i", (_, kind, B, layers) => {
  const { net, input, at } = setting(layers, kind === "tokens", B);
  const whole = net.forward(input);

  test("step by step is the whole sequence, bit for bit, and so is the state", () => {
    const stream = net.stream({ batch: B });
    expect(stream.batch).toBe(B);
    expect(stream.state.every((x) => x === 0)).toBe(true);
    collect(stream, at).forEach((output, t) => expect(output).toEqual(stepOf(whole.output, t)));
    expect(stream.state).toEqual(whole.state);
  });

  test("a snapshot goes on at any point in another stream, and the state may be set", () => {
    const outputs = collect(net.stream({ batch: B }), at);
    for (let stop = 0; stop < T; stop++) {
      const first = net.stream({ batch: B });
      for (let t = 0; t < stop; t++) first.step(at(t));
      const bytes = first.snapshot();
      const state = first.state.slice();
      for (let t = stop; t < T; t++) first.step(at(t)); // the snapshot is a copy
      const second = net.stream({ batch: B });
      second.step(at(0));
      second.restore(bytes);
      expect(collect(second, at, stop)).toEqual(outputs.slice(stop));
      second.state.set(state);
      expect(collect(second, at, stop)).toEqual(outputs.slice(stop));
    }
  });

  test("reset begins anew", () => {
    const stream = net.stream({ batch: B });
    const outputs = collect(stream, at);
    stream.reset();
    expect(collect(stream, at)).toEqual(outputs);
  });

  test("two streams in turns, with everything else of the same network in between", () => {
    const outputs = collect(net.stream({ batch: B }), at);
    const [one, two] = [net.stream({ batch: B }), net.stream({ batch: B })];
    const wide = net.stream({ batch: 5 });
    const zeros = kind === "tokens" ? new Int32Array(5) : new Float32Array(15);
    const before = stateOf(net);
    for (let t = 0; t < T; t++) {
      expect(one.step(at(t))).toEqual(outputs[t]);
      net.predict(input, { batchSize: 2 });
      if (t > 0) expect(two.step(at(t - 1))).toEqual(outputs[t - 1]);
      wide.step(zeros);
      net.forward(input, { training: true });
      net.backward(whole.output);
      net.evaluate({ inputs: input, targets: whole.output }, { loss: meanSquaredError() });
    }
    expect(one.state).toEqual(whole.state);
    net.zeroGrad();
    expect(stateOf(net).slice(0, 32)).toBe(before.slice(0, 32)); // dropout in training draws from the generator
  });
});

describe("a stream of a network that learns", () => {
  test("goes on with the new weights, and its state stays its own", async () => {
    const { net, input, at } = setting([lstm(4), dense(3)], false, 1);
    const stream = net.stream();
    stream.step(at(0));
    const carried = stream.state.slice();
    const data = { inputs: input as Tensor, targets: numbers([1, T, 3], 2) };
    await net.fit(data, { loss: meanSquaredError(), optimizer: adam({ learningRate: 0.1 }), epochs: 3 });
    expect(stream.state).toEqual(carried);
    const tail = tensor(input.data.slice(3) as Float32Array, [1, T - 1, 3]);
    const { output, state } = net.forward(tail, { state: carried });
    collect(stream, at, 1).forEach((y, t) => expect(y).toEqual(stepOf(output, t)));
    expect(stream.state).toEqual(state);
  });

  test("set, load and the optimizer are seen by the next step", () => {
    const net = new Network({ input: { features: 1 }, layers: [dense(1)] });
    const saved = net.save();
    const stream = net.stream();
    const first = stream.step(Float32Array.of(2))[0];
    net.parameter("dense.weight").set([3]);
    net.parameter("dense.bias").set([1]);
    expect(stream.step(Float32Array.of(2))[0]).toBe(7);
    net.parameter("dense.bias").value[0] = 2;
    expect(stream.step(Float32Array.of(2))[0]).toBe(8);
    net.loadParameters(saved);
    expect(stream.step(Float32Array.of(2))[0]).toBe(first);
  });
});

test("a network with one output gives what it would give if the sequence ended here", () => {
  const net = new Network({ input: { features: 2 }, layers: [gru(4), last(), dense(2)] });
  const input = numbers([1, 5, 2]);
  const stream = net.stream();
  for (let t = 0; t < 5; t++) {
    const output = stream.step(input.data.slice(2 * t, 2 * t + 2));
    const sofar = tensor(input.data.slice(0, 2 * t + 2), [1, t + 1, 2]);
    expect(output).toEqual(net.forward(sofar).output.data);
  }
});

test("the output is an array that the next step overwrites; the input is not kept", () => {
  const { net, at } = setting([elman(3), dense(3)], false, 1);
  const stream = net.stream();
  const x = at(0) as Float32Array;
  const first = stream.step(x);
  const copy = first.slice();
  x.fill(9);
  expect(stream.step(x)).toBe(first);
  expect(first).not.toEqual(copy);
});

test("one token may be a number", () => {
  const { net, input } = setting([gru(3), dense(3)], true, 1);
  const [one, other] = [net.stream(), net.stream()];
  for (const token of input.data) expect(one.step(token).slice()).toEqual(other.step(Int32Array.of(token)));
});

describe("snapshots that do not fit", () => {
  const make = (units = 3) => new Network({ input: { features: 2 }, layers: [lstm(units), dense(2)] });
  const x = Float32Array.of(1, 2);
  const taken = (batch: number, units = 3) => {
    const stream = make(units).stream({ batch });
    stream.step(new Float32Array(2 * batch).fill(1));
    return stream.snapshot();
  };
  const good = taken(1);
  const changed = (at: number, value: number) => {
    const bytes = good.slice();
    bytes[at] = value;
    return bytes;
  };
  const withNaN = good.slice();
  new DataView(withNaN.buffer).setFloat32(20, NaN, true);

  test.each<[string, unknown, FormatError["code"], RegExp]>([
    ["nothing", new Uint8Array(0), "truncated", /a snapshot has at least 16 bytes, got 0/],
    ["15 bytes", good.subarray(0, 15), "truncated", /at least 16 bytes, got 15/],
    ["a byte too few", good.subarray(0, -1), "truncated", /expected 40 bytes, got 39/],
    ["a byte too many", new Uint8Array([...good, 0]), "malformed", /expected 40 bytes, got 41/],
    ["the head alone", good.subarray(0, 16), "truncated", /expected 40 bytes, got 16/],
    ["junk", new Uint8Array(40).fill(255), "malformed", /no snapshot of a stream/],
    ["another version", changed(3, 0x32), "malformed", /no snapshot of a stream/],
    ["a saved network", make().save(), "malformed", /no snapshot of a stream/],
    ["another batch", taken(2), "mismatch", /expected batch 1 and 6 numbers, got batch 2 and 12 numbers/],
    ["another network", taken(1, 4), "mismatch", /expected batch 1 and 6 numbers, got batch 1 and 8 numbers/],
    ["a forged length", changed(11, 255), "mismatch", /numbers/],
    ["NaN", withNaN, "malformed", /numbers that are not finite/],
  ])("%s", (_, bytes, code, text) => {
    const stream = make().stream();
    stream.step(x);
    const before = stream.state.slice();
    let error: unknown;
    try {
      stream.restore(bytes as Uint8Array);
    } catch (thrown) {
      error = thrown;
    }
    expectError(error, FormatError, text);
    expect((error as FormatError).code).toBe(code);
    expect(stream.state).toEqual(before);
    stream.restore(good);
    expect(stream.step(x).every(Number.isFinite)).toBe(true);
  });

  test.each([
    ["a text", "x"],
    ["null", null],
    ["an ArrayBuffer", good.buffer],
    ["floats", new Float32Array(10)],
  ])("%s is a TypeError", (_, bytes) => {
    expect(() =>
      make()
        .stream()
        .restore(bytes as never),
    ).toThrow(/"bytes" expected a Uint8Array, got/);
    expect(() =>
      make()
        .stream()
        .restore(bytes as never),
    ).toThrow(TypeError);
  });

  test("a Buffer, from a pool or a file, and a view at an odd offset are bytes like others", () => {
    const odd = new Uint8Array(good.length + 3);
    odd.set(good, 3);
    const stream = make().stream();
    for (const bytes of [Buffer.from(good), odd.subarray(3)]) {
      stream.reset();
      stream.restore(bytes);
      expect(stream.snapshot()).toEqual(good);
    }
  });
});

describe("outputs into an array of the caller's", () => {
  const { net, input, at } = setting([lstm(5), dense(3)], false, 2);

  test("forward, predict and step put there what they would give, and give it back", () => {
    const expected = net.forward(input).output.data;
    const output = new Float32Array(2 * T * 3).fill(7);
    expect(net.forward(input, { output }).output.data).toBe(output);
    expect(output).toEqual(expected);
    output.fill(7);
    const predicted = net.predict(input, { output, batchSize: 1 });
    expect(predicted.data).toBe(output);
    expect(predicted.shape).toEqual([2, T, 3]);
    expect(output).toEqual(expected);
    const step = new Float32Array(6);
    expect(net.stream({ batch: 2 }).step(at(0), step)).toBe(step);
    expect(step).toEqual(net.stream({ batch: 2 }).step(at(0)));
  });

  test("beyond a sequence's length are zeros, whatever was there", () => {
    const lengths = [T, 4];
    const output = new Float32Array(2 * T * 3).fill(7);
    net.forward(input, { lengths, output });
    expect(output).toEqual(net.forward(input, { lengths }).output.data);
    net.predict(input, { lengths, output: output.fill(7) });
    expect(output).toEqual(net.predict(input, { lengths }).data);
  });

  test("one of another size or kind is refused, and nothing is done", () => {
    const stream = net.stream({ batch: 2 });
    const wrong = new Float32Array(5);
    expect(() => net.forward(input, { output: wrong })).toThrow('"output" expected 54 numbers, got Float32Array(5)');
    expect(() => net.predict(input, { output: wrong })).toThrow(RangeError);
    expect(() => stream.step(at(0), wrong)).toThrow('"output" expected 6 numbers, got Float32Array(5)');
    expect(() => stream.step(at(0), [] as never)).toThrow(TypeError);
    expect(stream.state.every((x) => x === 0)).toBe(true);
  });
});
