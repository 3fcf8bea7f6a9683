import { describe, expect, test } from "vitest";
import {
  adam,
  compose,
  crossEntropy,
  dense,
  gru,
  imageRotate,
  imageShift,
  jitter,
  last,
  magnitudeWarp,
  Network,
  Random,
  scaling,
  selectExamples,
  sometimes,
  tensor,
  timeWarp,
  tokenDropout,
  windowSlice,
  type Augmentation,
  type Tensor,
  type TrainingBatch,
} from "../bindings/index.ts";
import { turn } from "../bindings/data/augmentImages.ts";
import { smoothCurve } from "../bindings/data/spline.ts";
import { bitsOf, errorOf, expectError, indices, numbers, type Kind } from "./support.ts";

const i32 = (...values: number[]) => Int32Array.from(values);
const sumOf = (x: ArrayLike<number>) => Array.from(x).reduce((sum, v) => sum + v, 0);
const meanOf = (x: ArrayLike<number>) => sumOf(x) / x.length;
const deviationOf = (x: ArrayLike<number>) => {
  const mean = meanOf(x);
  return Math.sqrt(meanOf(Array.from(x, (v) => (v - mean) ** 2)));
};

/** Sequences of unequal length, 3, 7, 1 and 5 steps of 2 features, the padding zero; a class each. */
const lengths = i32(3, 7, 1, 5);
function ragged(): TrainingBatch {
  const inputs = numbers([4, 7, 2], 2);
  lengths.forEach((length, b) => inputs.data.fill(0, b * 14 + length * 2, (b + 1) * 14));
  return { inputs, targets: indices([4], 3), lengths };
}
const sequences = (): TrainingBatch => ({ inputs: numbers([3, 6, 2]), targets: numbers([3, 2], 5) });
const tokens = (): TrainingBatch => ({
  inputs: indices([4, 5], 9),
  targets: indices([4, 5], 2),
  lengths: [5, 2, 1, 4],
});
const images = (): TrainingBatch => ({ inputs: numbers([3, 4, 5]), targets: indices([3], 3) });

const all: [string, Augmentation, () => TrainingBatch][] = [
  ["jitter", jitter(), ragged],
  ["scaling", scaling(), ragged],
  ["magnitudeWarp", magnitudeWarp(), ragged],
  ["timeWarp", timeWarp(), ragged],
  ["windowSlice", windowSlice({ ratio: 0.5 }), ragged],
  ["tokenDropout", tokenDropout({ rate: 0.5, replacement: 8 }), tokens],
  ["imageShift", imageShift(), images],
  ["imageRotate", imageRotate(), images],
  ["compose", compose(jitter(), windowSlice({ ratio: 0.5 }), timeWarp()), ragged],
  ["sometimes", sometimes(0.5, scaling()), ragged],
];

describe.each(all)("%s", (_, augment, make) => {
  test("the same seed gives the same batch, another one another; what was given stays", () => {
    const batch = make();
    const before = bitsOf(batch.inputs.data) + bitsOf(batch.targets.data);
    const bits = (seed: number) => bitsOf(augment(batch, new Random(seed)).inputs.data);
    expect(bits(1)).toBe(bits(1));
    expect(new Set([1, 2, 3, 4, 5].map(bits)).size).toBeGreaterThan(1);
    expect(bitsOf(batch.inputs.data) + bitsOf(batch.targets.data)).toBe(before);
  });

  test("examples stay in their places; the padding stays zero; no number is lost", () => {
    const batch = make();
    const changed = augment(batch, new Random(3));
    expect(changed.inputs.shape[0]).toBe(batch.inputs.shape[0]);
    expect(changed.inputs.shape[2]).toBe(batch.inputs.shape[2]);
    expect(changed.inputs.data.constructor).toBe(batch.inputs.data.constructor);
    expect(changed.inputs.data.every((x) => Number.isFinite(x))).toBe(true);
    const { shape } = changed.inputs;
    const [T = 1, F = 1] = shape.slice(1);
    if (make !== ragged) return;
    Array.from(changed.lengths!, (length, b) => {
      const padding = changed.inputs.data.subarray((b * T + length) * F, (b + 1) * T * F);
      expect(padding.every((x: number) => x === 0)).toBe(true);
    });
  });
});

test("a network learns from what they give", () => {
  for (const [, augment, make] of all.filter(([, , make]) => make === ragged)) {
    const { inputs, targets, lengths } = augment(make(), new Random(1));
    const net = new Network({ input: { features: 2 }, layers: [gru(3), last(), dense(3)] });
    const loss = crossEntropy();
    const data = { inputs, targets, ...(lengths && { lengths }) };
    const before = net.evaluate(data, { loss }).loss;
    expect([...net.train(data, { loss, optimizer: adam({ learningRate: 0.1 }), epochs: 5 })]).toHaveLength(5);
    expect(net.evaluate(data, { loss }).loss).toBeLessThan(before);
  }
});

describe("jitter", () => {
  test.each([
    ["sequences", [50, 40, 3]],
    ["vectors", [2000, 3]],
  ])("adds normal noise to %s", (_, shape) => {
    const batch = { inputs: numbers(shape), targets: numbers([shape[0]!, 1]) };
    const { inputs, targets } = jitter(0.5)(batch, new Random(1));
    const noise = inputs.data.map((x, i) => x - batch.inputs.data[i]!);
    const n = noise.length;
    expect(Math.abs(meanOf(noise))).toBeLessThan((5 * 0.5) / Math.sqrt(n));
    expect(Math.abs(deviationOf(noise) / 0.5 - 1)).toBeLessThan(5 / Math.sqrt(2 * n));
    expect(targets).toBe(batch.targets);
  });
  test("of deviation 0 changes nothing", () => {
    expect(jitter(0)(ragged(), new Random(1))).toEqual(ragged());
  });
});

describe("scaling", () => {
  test("one factor for each feature of each sequence, normal around 1", () => {
    const batch = { inputs: tensor(new Float32Array(1000 * 4 * 3).fill(2), [1000, 4, 3]), targets: numbers([1000, 1]) };
    const { data } = scaling(0.2)(batch, new Random(1)).inputs;
    const factors: number[] = [];
    for (let b = 0; b < 1000; b++) {
      for (let f = 0; f < 3; f++) {
        const [first, ...others] = [0, 1, 2, 3].map((t) => data[(b * 4 + t) * 3 + f]! / 2);
        expect(others.every((factor) => factor === first)).toBe(true);
        factors.push(first!);
      }
    }
    expect(new Set(factors).size).toBeGreaterThan(2900);
    expect(Math.abs(meanOf(factors) - 1)).toBeLessThan((5 * 0.2) / Math.sqrt(3000));
    expect(Math.abs(deviationOf(factors) / 0.2 - 1)).toBeLessThan(5 / Math.sqrt(6000));
  });
});

describe("smoothCurve", () => {
  test("a straight line stays one; it goes through its values", () => {
    expect([...smoothCurve([1, 2, 3, 4], 7)].map((y) => Math.round(y * 1e12) / 1e12)).toEqual([
      1, 1.5, 2, 2.5, 3, 3.5, 4,
    ]);
    const values = [1, -2, 0.5, 4, 4];
    const curve = smoothCurve(values, 41);
    values.forEach((y, i) => expect(curve[10 * i]).toBeCloseTo(y, 12));
    expect([...smoothCurve([3, 5], 3)]).toEqual([3, 4, 5]);
    expect([...smoothCurve([3, 5], 1)]).toEqual([3]);
    expect(smoothCurve([3, 5], 0)).toHaveLength(0);
  });

  test("the natural spline by hand: y = 0 1 0 has M₁ = −3, so 11/16 at a half", () => {
    // M₁ = 6·(0 − 2 + 0) / 4 = −3; at s = 1/2: 1/2 + (1/8 − 1/2)·(−3)/6 = 11/16
    expect(smoothCurve([0, 1, 0], 5)[1]).toBeCloseTo(11 / 16, 12);
  });

  test("slope and curvature go on over the knots, and the curvature is 0 at the ends", () => {
    const n = 6001; // 1,000 points between two of seven values
    const y = smoothCurve([0, 1, -1, 2, 0, 0.5, 3], n);
    const h = 1 / 1000;
    const second = (k: number) => (y[k - 1]! - 2 * y[k]! + y[k + 1]!) / (h * h);
    for (let knot = 1000; knot < 6000; knot += 1000) {
      const [before, after] = [second(knot - 1), second(knot + 1)];
      expect(Math.abs(before - after)).toBeLessThan(0.1); // third derivatives are below 50
      expect((y[knot]! - y[knot - 1]!) / h).toBeCloseTo((y[knot + 1]! - y[knot]!) / h, 1);
    }
    expect(Math.abs(second(1))).toBeLessThan(0.05);
    expect(Math.abs(second(n - 2))).toBeLessThan(0.05);
  });
});

describe("magnitudeWarp", () => {
  test("times a smooth curve around 1, another for each feature and sequence", () => {
    const [B, T, F] = [400, 60, 2];
    const batch = { inputs: tensor(new Float32Array(B * T * F).fill(1), [B, T, F]), targets: numbers([B, 1]) };
    const { data } = magnitudeWarp({ deviation: 0.2, knots: 3 })(batch, new Random(1)).inputs;
    const curveOf = (b: number, f: number) => Array.from({ length: T }, (_, t) => data[(b * T + t) * F + f]!);
    const ends = Array.from({ length: B }, (_, b) => curveOf(b, b % F)[0]!);
    expect(Math.abs(meanOf(ends) - 1)).toBeLessThan((5 * 0.2) / Math.sqrt(B));
    expect(Math.abs(deviationOf(ends) / 0.2 - 1)).toBeLessThan(5 / Math.sqrt(2 * B));
    expect(curveOf(0, 0)).not.toEqual(curveOf(0, 1));
    expect(curveOf(0, 0)).not.toEqual(curveOf(1, 0));
    for (let b = 0; b < B; b++) {
      const curve = curveOf(b, 0);
      const bends = curve.slice(2).map((y, t) => Math.abs(y - 2 * curve[t + 1]! + curve[t]!));
      expect(Math.max(...bends)).toBeLessThan(0.06); // noise of this size would give about 1
    }
  });
});

/** Step t of each sequence is t, and so are its targets. */
function ramps(targetForm: "classes" | "numbers", T = 30, given?: Int32Array): TrainingBatch {
  const B = given?.length ?? 3;
  const ramp = Float32Array.from({ length: B * T }, (_, i) => i % T);
  const targets = targetForm === "classes" ? tensor(Int32Array.from(ramp), [B, T]) : tensor(ramp.slice(), [B, T, 1]);
  return { inputs: tensor(ramp, [B, T, 1]), targets, ...(given && { lengths: given }) };
}

describe("timeWarp", () => {
  test("ends and length stay, time does not run backwards, and moves by what is asked", () => {
    const moved: number[] = [];
    const random = new Random(2);
    for (let k = 0; k < 50; k++) {
      const given = i32(30, 12, 2, 1);
      const { inputs, lengths } = timeWarp({ deviation: 0.3 })(ramps("numbers", 30, given), random);
      expect(lengths).toEqual(given);
      given.forEach((length, b) => {
        const row = inputs.data.subarray(b * 30, b * 30 + length);
        expect([row[0], row[length - 1]]).toEqual([0, length - 1]);
        for (let t = 1; t < length; t++) expect(row[t]!).toBeGreaterThan(row[t - 1]!);
        if (b === 0) moved.push(row[14]! - 14);
        expect([...inputs.data.subarray(b * 30 + length, (b + 1) * 30)]).toEqual(
          Array.from({ length: 30 - length }, (_, t) => t + length),
        );
      });
    }
    expect(Math.abs(meanOf(moved))).toBeLessThan(0.8);
    expect(deviationOf(moved)).toBeGreaterThan(0.5);
    expect(deviationOf(moved)).toBeLessThan(3);
    const still = timeWarp({ deviation: 0 })(ramps("numbers"), random).inputs.data;
    still.forEach((x, i) => expect(x).toBeCloseTo(i % 30, 4));
    // However wild the speeds, a step takes its time.
    const wild = timeWarp({ deviation: 9 })(ramps("numbers"), random).inputs.data;
    wild.forEach((x, i) => i % 30 === 0 || expect(x).toBeGreaterThan(wild[i - 1]!));
  });

  test("targets at each step move along: numbers between, classes the nearest", () => {
    const warped = timeWarp({ deviation: 0.3 })(ramps("numbers"), new Random(1));
    expect(warped.targets.data).toEqual(warped.inputs.data);
    const { inputs, targets } = timeWarp({ deviation: 0.3 })(ramps("classes"), new Random(1));
    expect(inputs.data).toEqual(warped.inputs.data);
    expect(targets.data).toEqual(Int32Array.from(inputs.data, Math.round));
    expect(inputs.data.some((x, i) => Math.abs(x - (i % 30)) > 1)).toBe(true);
  });

  test("all features of a sequence move together; targets without time stay", () => {
    const T = 20;
    const inputs = tensor(
      Float32Array.from({ length: 2 * T * 2 }, (_, i) => (i % 2 ? -1 : 1) * (i >> 1)),
      [2, T, 2],
    );
    const batch = { inputs, targets: numbers([2, T]) };
    const changed = timeWarp()(batch, new Random(1));
    for (let t = 0; t < 2 * T; t++) expect(changed.inputs.data[2 * t]).toBe(-changed.inputs.data[2 * t + 1]!);
    expect(changed.targets).toBe(batch.targets);
  });
});

describe("windowSlice", () => {
  test("a stretch of each sequence, anywhere in it, with its targets", () => {
    const starts = new Set<number>();
    for (let seed = 0; seed < 60; seed++) {
      const { inputs, targets, lengths } = windowSlice({ ratio: 0.8 })(ramps("classes", 10), new Random(seed));
      expect([inputs.shape, targets.shape, lengths]).toEqual([[3, 8, 1], [3, 8], undefined]);
      expect([...targets.data]).toEqual([...inputs.data]);
      for (let b = 0; b < 3; b++) {
        const first = inputs.data[b * 8]!;
        expect([...inputs.data.subarray(b * 8, b * 8 + 8)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7].map((t) => first + t));
        starts.add(first);
      }
    }
    expect([...starts].sort((a, b) => a - b)).toEqual([0, 1, 2]);
  });

  test("each by its own length; the rest is padding", () => {
    const { inputs, lengths } = windowSlice({ ratio: 0.5 })(ramps("numbers", 9, i32(9, 4, 1)), new Random(1));
    expect(lengths).toEqual(i32(5, 2, 1));
    expect(inputs.shape).toEqual([3, 5, 1]);
    expect(inputs.data[6]! - inputs.data[5]!).toBe(1);
    expect([...inputs.data.subarray(7, 10), ...inputs.data.subarray(11)]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });

  test("of tokens; of all that there is", () => {
    const batch = tokens();
    expect(windowSlice({ ratio: 1 })(batch, new Random(1))).toEqual({
      ...batch,
      lengths: i32(5, 2, 1, 4),
      inputs: withoutPadding(batch.inputs as Tensor<Int32Array>),
      targets: withoutPadding(batch.targets as Tensor<Int32Array>),
    });
    const cut = windowSlice({ ratio: 0.4 })(batch, new Random(1));
    expect(cut.inputs.data).toBeInstanceOf(Int32Array);
    expect([cut.inputs.shape, cut.lengths]).toEqual([[4, 2], i32(2, 1, 1, 2)]);
  });
});

/** Of `tokens`, with zeros beyond the lengths. */
function withoutPadding({ data, shape }: Tensor<Int32Array>): Tensor<Int32Array> {
  const steps = [5, 2, 1, 4];
  return tensor(
    data.map((x, i) => (i % 5 < steps[Math.floor(i / 5)]! ? x : 0)),
    shape,
  );
}

describe("tokenDropout", () => {
  test("replaces at the rate, in sequences and not in their padding", () => {
    const inputs = indices([200, 50], 7);
    const steps = Int32Array.from({ length: 200 }, (_, b) => 1 + (b % 50));
    const batch = { inputs, targets: indices([200], 2), lengths: steps };
    const { data } = tokenDropout({ rate: 0.3, replacement: 7 })(batch, new Random(1)).inputs;
    let [replaced, count] = [0, 0];
    data.forEach((token, i) => {
      const inside = i % 50 < steps[Math.floor(i / 50)]!;
      if (inside) count++;
      if (inside && token === 7) replaced++;
      else expect(token).toBe(inputs.data[i]);
    });
    expect(Math.abs(replaced / count - 0.3)).toBeLessThan(5 * Math.sqrt((0.3 * 0.7) / count));
    expect(tokenDropout({ rate: 0, replacement: 7 })(batch, new Random(1)).inputs).toEqual(inputs);
    const none = tokenDropout({ rate: 1, replacement: 7 })(tokens(), new Random(1)).inputs.data;
    expect([...none.subarray(0, 5)]).toEqual([7, 7, 7, 7, 7]);
  });
});

describe("imageShift", () => {
  /** A lit pixel in the middle of 7 × 5. */
  const lit = (B: number): TrainingBatch => {
    const inputs = tensor(new Float32Array(B * 35), [B, 7, 5]);
    for (let b = 0; b < B; b++) inputs.data[b * 35 + 3 * 5 + 2] = 1;
    return { inputs, targets: indices([B], 2) };
  };

  test("by whole pixels, each shift as often", () => {
    const { data } = imageShift({ pixels: 1 })(lit(1800), new Random(1)).inputs;
    const counts = new Map<string, number>();
    for (let b = 0; b < 1800; b++) {
      const image = data.subarray(b * 35, (b + 1) * 35);
      expect(sumOf(image)).toBe(1);
      const at = image.indexOf(1);
      const key = `${Math.floor(at / 5) - 3} ${(at % 5) - 2}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(9);
    // 200 each, standard deviation 13.3
    for (const count of counts.values()) expect(Math.abs(count - 200)).toBeLessThan(5 * 13.3);
  });

  test("what comes in from outside is the fill", () => {
    const ones = { inputs: tensor(new Float32Array(8 * 16).fill(1), [8, 4, 4]), targets: indices([8], 2) };
    const { data } = imageShift({ pixels: 3, fill: 5 })(ones, new Random(2)).inputs;
    expect([...new Set(data)].sort()).toEqual([1, 5]);
  });

  test("vectors, pixels one after another, and channels, by height and width", () => {
    const image = images();
    const shift = (shape: number[], options: object) => {
      const inputs = tensor(image.inputs.data as Float32Array, shape);
      return imageShift({ pixels: 2, ...options })({ ...image, inputs }, new Random(4)).inputs;
    };
    const rows = shift([3, 4, 5], {});
    expect(shift([3, 20], { height: 4, width: 5 })).toEqual(tensor(rows.data as Float32Array, [3, 20]));
    expect(shift([3, 20, 1], { height: 4, width: 5 }).data).toEqual(rows.data);
    // Two channels side by side move together: pixel (y, x) of channel c is 100y + 10x + c.
    const data = Float32Array.from(
      { length: 18 },
      (_, i) => 100 * Math.floor(i / 6) + 10 * (Math.floor(i / 2) % 3) + (i % 2),
    );
    const colours = { inputs: tensor(data, [1, 18]), targets: indices([1], 2) };
    const moved = imageShift({ pixels: 1, height: 3, width: 3, fill: -1 })(colours, new Random(1)).inputs.data;
    for (let i = 0; i < 18; i += 2)
      expect(moved[i] === -1 ? moved[i + 1] : moved[i + 1]! - moved[i]!).toBe(moved[i] === -1 ? -1 : 1);
  });
});

describe("imageRotate", () => {
  test("turn is sine and cosine", () => {
    for (let degrees = -400; degrees <= 400; degrees += 3.7) {
      const { sin, cos } = turn(degrees);
      expect(Math.abs(sin - Math.sin((degrees * Math.PI) / 180))).toBeLessThan(4e-15);
      expect(Math.abs(cos - Math.cos((degrees * Math.PI) / 180))).toBeLessThan(4e-15);
    }
    expect([turn(90), turn(180), turn(-90)].map(({ sin, cos }) => [sin + 0, cos + 0])).toEqual([
      [1, 0],
      [0, -1],
      [-1, 0],
    ]);
  });

  test("a gradient in x becomes one in the direction of the angle", () => {
    const size = 21;
    const ramp = Float32Array.from({ length: size * size }, (_, i) => (i % size) - 10);
    const batch = { inputs: tensor(ramp, [1, size, size]), targets: indices([1], 2) };
    const angles: number[] = [];
    for (let seed = 0; seed < 200; seed++) {
      const { data } = imageRotate({ degrees: 30 })(batch, new Random(seed)).inputs;
      const at = (y: number, x: number) => data[(y + 10) * size + x + 10]!;
      // In the middle: value = cos·x + sin·y, and the image turns as a whole.
      const [cos, sin] = [(at(0, 4) - at(0, -4)) / 8, (at(4, 0) - at(-4, 0)) / 8];
      expect(cos * cos + sin * sin).toBeCloseTo(1, 5);
      expect(at(3, -2)).toBeCloseTo(cos * -2 + sin * 3, 5);
      expect(at(0, 0)).toBeCloseTo(0, 6);
      angles.push((Math.atan2(sin, cos) * 180) / Math.PI);
    }
    expect(angles.every((angle) => Math.abs(angle) <= 30)).toBe(true);
    expect(Math.abs(meanOf(angles))).toBeLessThan((5 * (30 / Math.sqrt(3))) / Math.sqrt(200));
    expect(Math.abs(deviationOf(angles) / (30 / Math.sqrt(3)) - 1)).toBeLessThan(0.15);
  });

  test("the middle keeps its sum; the corners are filled; 0 degrees change nothing", () => {
    const batch = images();
    expect(imageRotate({ degrees: 0 })(batch, new Random(1))).toEqual(batch);
    const spot = tensor(new Float32Array(441), [1, 21, 21]);
    for (const at of [9 * 21 + 10, 10 * 21 + 9, 10 * 21 + 10, 10 * 21 + 11, 11 * 21 + 10]) spot.data[at] = 1;
    const { data } = imageRotate({ degrees: 45, fill: 0 })(
      { inputs: spot, targets: indices([1], 2) },
      new Random(3),
    ).inputs;
    expect(Math.abs(sumOf(data) - 5)).toBeLessThan(0.5);
    const ones = { inputs: tensor(new Float32Array(81).fill(1), [1, 9, 9]), targets: indices([1], 2) };
    const turned = imageRotate({ degrees: 45, fill: -2 })(ones, new Random(1)).inputs.data;
    expect(turned[0]).toBeLessThan(0);
    expect(turned[40]).toBeCloseTo(1, 6);
  });
});

describe("compose and sometimes", () => {
  test("compose: one after another, of the same generator; of none it is nothing", () => {
    const random = new Random(1);
    const byHand = timeWarp()(jitter()(sequences(), random), random);
    expect(compose(jitter(), timeWarp())(sequences(), new Random(1))).toEqual(byHand);
    const batch = sequences();
    expect(compose()(batch, new Random(1))).toBe(batch);
  });

  test("sometimes: each example by itself, with its probability", () => {
    const n = 3000;
    const batch = { inputs: tensor(new Float32Array(n * 2).fill(1), [n, 2]), targets: indices([n], 2) };
    const { inputs, targets, lengths } = sometimes(0.3, scaling(0.5))(batch, new Random(1));
    const changed = Array.from({ length: n }, (_, b) => inputs.data[2 * b] !== 1);
    expect(Math.abs(meanOf(changed.map(Number)) - 0.3)).toBeLessThan(5 * Math.sqrt(0.21 / n));
    changed.forEach((is, b) => expect(inputs.data[2 * b + 1] !== 1).toBe(is));
    expect([targets, lengths]).toEqual([batch.targets, undefined]);
    expect(sometimes(0, jitter())(batch, new Random(1))).toBe(batch);
    expect(sometimes(1, scaling(0))(batch, new Random(1))).toEqual(batch);
  });

  test("sometimes: examples that become shorter stand among those that do not", () => {
    const { inputs, targets, lengths } = sometimes(0.5, windowSlice({ ratio: 0.5 }))(
      ramps("classes", 6, i32(6, 6, 4, 6, 2, 6)),
      new Random(5),
    );
    expect(inputs.shape).toEqual([6, 6, 1]);
    const steps = [6, 6, 4, 6, 2, 6];
    const cut = Array.from(lengths!, (length, b) => length < steps[b]!);
    expect(new Set(cut).size).toBe(2);
    Array.from(lengths!, (length, b) => {
      expect(length).toBe(cut[b] ? steps[b]! / 2 : steps[b]);
      const row = inputs.data.subarray(b * 6, b * 6 + length);
      expect([...row]).toEqual([...row].map((_, t) => row[0]! + t));
      expect([...targets.data.subarray(b * 6, b * 6 + length)]).toEqual([...row]);
      if (cut[b]) expect(inputs.data.subarray(b * 6 + length, b * 6 + 6).every((x) => x === 0)).toBe(true);
    });
    const without = sometimes(0.5, windowSlice({ ratio: 0.5 }))(ramps("numbers", 6), new Random(1));
    expect([...without.lengths!].every((length) => length === 3 || length === 6)).toBe(true);
  });
});

describe("augmentation helps where there is little data", () => {
  /** A bump early or late in 24 steps, now small, now large, now here, now there: the class is whether a second, smaller one follows. */
  function gestures(B: number, seed: number, variety: number): TrainingBatch {
    const random = new Random(seed);
    const inputs = new Float32Array(B * 24);
    const targets = new Int32Array(B);
    for (let b = 0; b < B; b++) {
      const at = 7 + random.uniform(-3, 3) * variety;
      const size = 1 + random.uniform(-0.5, 0.5) * variety;
      targets[b] = b % 2;
      for (let t = 0; t < 24; t++) {
        const bump = (middle: number) => Math.max(0, 1 - ((t - middle) / 3) ** 2);
        inputs[b * 24 + t] = size * (bump(at) + targets[b]! * 0.6 * bump(at + 8)) + random.normal(0, 0.15 * variety);
      }
    }
    return { inputs: tensor(inputs, [B, 24, 1]), targets: tensor(targets, [B]) };
  }

  test("a GRU that sees 6 gestures without variety, measured on 300 with it", () => {
    const few = gestures(6, 1, 0);
    const many = gestures(300, 2, 1);
    const lossAfter = (augment: Augmentation): number => {
      const random = new Random(3);
      const net = new Network({ input: { features: 1 }, layers: [gru(12), last(), dense(2)], seed: 4 });
      const loss = crossEntropy();
      for (let step = 0; step < 150; step++) {
        const { inputs, targets } = augment(few, random);
        net.zeroGrad();
        net.forward(inputs, { training: true });
        net.loss(loss, targets);
        net.backward();
        net.step(adam({ learningRate: 0.02 }));
      }
      return net.evaluate(selectExamples(many, [...Array(300).keys()]), { loss }).loss;
    };
    const plain = lossAfter((batch) => batch);
    const augmented = lossAfter(compose(timeWarp({ deviation: 0.4 }), scaling(0.3), jitter(0.15)));

    expect(augmented).toBeLessThan(0.2 * plain);
  });
});

describe("refuses", () => {
  const random = new Random();
  const on = (augment: Augmentation, batch: unknown) => () => augment(batch as TrainingBatch, random);
  const batch = sequences();
  test.each<[string, () => unknown, Kind, RegExp]>([
    ["a deviation below 0", () => jitter(-1), RangeError, /"deviation" expected/],
    [
      "a deviation that is an option",
      () => scaling({ deviation: 1 } as never),
      TypeError,
      /"deviation" expected a number/,
    ],
    ["an unknown option", () => timeWarp({ sigma: 1 } as never), TypeError, /timeWarp: unknown option "sigma"/],
    ["half a knot", () => magnitudeWarp({ knots: 0.5 }), RangeError, /"knots" expected an integer/],
    ["a ratio of 0", () => windowSlice({ ratio: 0 }), RangeError, /"ratio" expected a number above 0/],
    ["a ratio above 1", () => windowSlice({ ratio: 1.1 }), RangeError, /"ratio" expected/],
    ["no replacement", () => tokenDropout({ rate: 0.1 } as never), TypeError, /"replacement" expected a number/],
    ["a rate above 1", () => tokenDropout({ rate: 2, replacement: 0 }), RangeError, /"rate" expected/],
    ["a probability above 1", () => sometimes(2, jitter()), RangeError, /"probability" expected/],
    [
      "no augmentation",
      () => sometimes(0.5, "jitter" as never),
      TypeError,
      /"augmentation" expected an augmentation, such as jitter/,
    ],
    [
      "a list of augmentations",
      () => compose([jitter()] as never),
      TypeError,
      /"augmentations\[0\]" expected an augmentation/,
    ],
    ["half a pixel", () => imageShift({ pixels: 0.5 }), RangeError, /"pixels" expected an integer/],
    ["200 degrees", () => imageRotate({ degrees: 200 }), RangeError, /"degrees" expected/],
    [
      "an option of the other",
      () => imageRotate({ pixels: 1 } as never),
      TypeError,
      /imageRotate: unknown option "pixels"/,
    ],
    ["jitter of tokens", on(jitter(), tokens()), TypeError, /"inputs" expected numbers: a tensor of Float32Array/],
    [
      "dropout of numbers",
      on(tokenDropout({ rate: 0.1, replacement: 0 }), batch),
      TypeError,
      /"inputs" expected tokens/,
    ],
    [
      "timeWarp of vectors",
      on(timeWarp(), { inputs: numbers([2, 3]), targets: numbers([2, 1]) }),
      RangeError,
      /"inputs" expected shape \[batch, time, features\], got \[2, 3\]/,
    ],
    [
      "slices of vectors",
      on(windowSlice(), { inputs: numbers([2, 3]), targets: numbers([2, 1]) }),
      RangeError,
      /"inputs" expected shape/,
    ],
    [
      "a list of sequences",
      on(windowSlice(), { inputs: [[1, 2]], targets: numbers([1, 1]) }),
      TypeError,
      /"inputs" expected a tensor: selectExamples/,
    ],
    [
      "targets in a list",
      on(windowSlice(), { inputs: numbers([1, 2, 1]), targets: [1] }),
      TypeError,
      /"targets" expected a tensor/,
    ],
    [
      "a batch of nothing",
      on(jitter(), { inputs: numbers([0, 2, 1]), targets: numbers([0, 1]) }),
      RangeError,
      /"inputs" expected shape/,
    ],
    ["too few lengths", on(jitter(), { ...batch, lengths: [1] }), RangeError, /"lengths" expected 3 integers/],
    [
      "a length too long",
      on(jitter(), { ...batch, lengths: [1, 7, 1] }),
      RangeError,
      /"lengths\[1\]" expected an integer from 1 to 6/,
    ],
    ["images with lengths", on(imageShift(), ragged()), RangeError, /"lengths" expected none, because images/],
    [
      "images without a height",
      on(imageShift({ width: 2 }), { inputs: numbers([1, 4]), targets: numbers([1, 1]) }),
      RangeError,
      /"height" expected the rows of an image/,
    ],
    [
      "images of another size",
      on(imageShift({ height: 4, width: 4 }), images()),
      RangeError,
      /"inputs" expected a multiple of 4 × 4 numbers an example, got 20/,
    ],
    [
      "an augmentation that loses an example",
      on(
        sometimes(0.5, (some) => selectExamples(some, [0])),
        { inputs: numbers([40, 2]), targets: numbers([40, 1]) },
      ),
      RangeError,
      /"inputs" expected shape \[\d+, 2\] of the augmentation, got \[1, 2\]/,
    ],
  ])("%s", async (_, call, kind, text) => {
    expectError(await errorOf(call), kind, text);
  });
});
