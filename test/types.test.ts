/** What the compiler must accept and refuse: `tsc` reads this file, and each `@ts-expect-error` fails it when nothing is wrong. */

import { describe, expect, expectTypeOf, test } from "vitest";
import {
  activation,
  activationNames,
  adam,
  crossEntropy,
  dense,
  dropout,
  elman,
  embedding,
  FormatError,
  generate,
  gradientCheck,
  gru,
  last,
  layerNames,
  lstm,
  meanSquaredError,
  Network,
  NumericError,
  repeat,
  sgd,
  tensor,
  type Activation,
  type ActivationName,
  type BackwardResult,
  type DenseLayer,
  type EpochReport,
  type Evaluation,
  type FitOptions,
  type FormatErrorCode,
  type ForwardResult,
  type GradientCheckResult,
  type History,
  type Initializer,
  type Input,
  type LayerDescription,
  type Loss,
  type LstmLayer,
  type NetworkConfig,
  type Optimizer,
  type Parameter,
  type StepReport,
  type Stream,
  type Targets,
  type Tensor,
  type Trainer,
  type TrainingData,
  type TrainOptions,
} from "../bindings/index.ts";

/** For the compiler only: never called. */
function unrun(_: () => unknown): void {
  // Nothing.
}

const net = new Network({ input: { features: 2 }, layers: [lstm(3), dense(2)] });

describe("descriptions", () => {
  test("a layer is what its function gives, and plain JSON by hand", () => {
    expectTypeOf(dense(4)).toExtend<LayerDescription>();
    expectTypeOf(lstm(4)).toExtend<LayerDescription>();
    expectTypeOf<Parameters<typeof dense>[0]>().toEqualTypeOf<number>();
    const byHand: NetworkConfig = {
      input: { tokens: 5 },
      layers: [{ type: "embedding", units: 3 }, { type: "lstm", units: 4, layers: 2, dropout: 0.1 }, { type: "last" }],
    };
    const typed: readonly LayerDescription[] = byHand.layers;
    expect(new Network(byHand).config.layers.map(({ type }) => type)).toEqual(typed.map(({ type }) => type));
    const names: readonly LayerDescription["type"][] = layerNames;
    expectTypeOf<LayerDescription["type"]>().toEqualTypeOf<(typeof layerNames)[number]>();
    expect(names).toContain("gru");
  });

  test("the type tells the layer", () => {
    const describe = (layer: LayerDescription): number => {
      switch (layer.type) {
        case "dense":
          expectTypeOf(layer).toEqualTypeOf<DenseLayer>();
          return layer.units;
        case "lstm":
          expectTypeOf(layer).toEqualTypeOf<LstmLayer>();
          expectTypeOf(layer.forgetBias).toEqualTypeOf<number | undefined>();
          return layer.units;
        case "dropout":
          return layer.rate;
        case "repeat":
          return layer.steps;
        case "activation":
          expectTypeOf(layer.activation).toEqualTypeOf<Activation>();
          return 0;
        case "batchNorm":
        case "crf":
        case "last":
        case "layerNorm":
          return 0;
        case "elman":
        case "embedding":
        case "gru":
        case "jordan":
        case "tdnn":
          return layer.units;
      }
    };
    expect([dense(4), lstm(3), dropout(0.5), repeat(2), last()].map(describe)).toEqual([4, 3, 0.5, 2, 0]);
  });

  test("wrong descriptions do not compile", () => {
    unrun(() => [
      // @ts-expect-error a text is no number of units
      dense("8"),
      // @ts-expect-error units are missing
      lstm(),
      // @ts-expect-error a misspelt option
      dense(4, { activaton: "relu" }),
      // @ts-expect-error an unknown activation
      dense(4, { activation: "swish" }),
      // @ts-expect-error an activation that Elman's kernel has not
      elman(4, { activation: "gelu" }),
      // @ts-expect-error an option of another layer
      gru(4, { forgetBias: 1 }),
      // @ts-expect-error an option of another layer
      elman(4, { reset: "after" }),
      // @ts-expect-error only an LSTM has c
      gru(4, { zoneout: { h: 0.1, c: 0.1 } }),
      // @ts-expect-error not one of the two
      gru(4, { reset: true }),
      // @ts-expect-error undefined is not left out
      lstm(4, { layers: undefined }),
      // @ts-expect-error alpha is missing
      activation({ type: "leakyRelu" }),
      // @ts-expect-error relu has no alpha
      activation({ type: "relu", alpha: 1 }),
      // @ts-expect-error an initializer is a description
      embedding(4, { weightInit: "zeros" }),
      // @ts-expect-error neither tokens nor features
      new Network({ input: {}, layers: [] }),
      // @ts-expect-error layers are missing
      new Network({ input: { features: 1 } }),
      // @ts-expect-error an unknown layer
      new Network({ input: { features: 1 }, layers: [{ type: "conv", units: 1 }] }),
      // @ts-expect-error the function, not what it gives
      new Network({ input: { features: 1 }, layers: [last] }),
    ]);
  });

  test("descriptions cannot be changed", () => {
    unrun(() => {
      // @ts-expect-error it is read-only
      net.config.seed = 1;
      // @ts-expect-error it is read-only
      net.config.layers[0] = dense(1);
      // @ts-expect-error it is read-only
      net.parameters.length = 0;
      // @ts-expect-error it is read-only
      net.parameters[0]!.shape[0] = 1;
      // @ts-expect-error read-only: the views are
      net.parameters[0]!.value = new Float32Array(1);
      // @ts-expect-error it is read-only
      crossEntropy().type = "meanSquaredError";
      // @ts-expect-error it is read-only
      tensor(new Float32Array(1), [1]).shape[0] = 2;
    });
    expectTypeOf(net.config).toEqualTypeOf<Required<NetworkConfig>>();
    expectTypeOf(net.parameters).toEqualTypeOf<readonly Parameter[]>();
    expectTypeOf(net.metadata).toEqualTypeOf<Record<string, string>>();
  });

  test("names are lists of literal types", () => {
    expectTypeOf(activationNames).toEqualTypeOf<readonly ActivationName[]>();
    expectTypeOf<"relu">().toExtend<Activation>();
    expectTypeOf<{ type: "orthogonal"; gain: number }>().toExtend<Initializer>();
    expectTypeOf(adam()).toEqualTypeOf<Optimizer>();
    expectTypeOf(crossEntropy()).toEqualTypeOf<Loss>();
    expectTypeOf<{ type: "crossEntropy"; reduction: "mean" }>().not.toExtend<Loss>();
  });
});

describe("data", () => {
  test("all the forms are inputs and targets", () => {
    expectTypeOf<Tensor>().toExtend<Input>();
    expectTypeOf<Tensor<Int32Array>>().toExtend<Input>();
    expectTypeOf<number[][][]>().toExtend<Input>();
    expectTypeOf<number[][]>().toExtend<Input>();
    expectTypeOf<number[]>().toExtend<Input>();
    expectTypeOf<Int32Array>().toExtend<Input>();
    expectTypeOf<Float32Array[]>().toExtend<Input>();
    expectTypeOf<Int32Array[]>().toExtend<Input>();
    expectTypeOf<readonly (readonly (readonly number[])[])[]>().toExtend<Input>();
    expectTypeOf<Input>().toExtend<Targets>();
    const data = { inputs: [[[1, 2]]], targets: [[[1, 2]]] };
    expectTypeOf(data).toExtend<TrainingData>();
  });

  test("what has no shape, or holds no numbers, is none", () => {
    expectTypeOf<Float32Array>().not.toExtend<Input>();
    expectTypeOf<Float64Array>().not.toExtend<Input>();
    expectTypeOf<string>().not.toExtend<Input>();
    expectTypeOf<string[]>().not.toExtend<Input>();
    expectTypeOf<number>().not.toExtend<Input>();
    expectTypeOf<null>().not.toExtend<Input>();
    unrun(() => [
      // @ts-expect-error a flat array has no shape
      net.forward(new Float32Array(4)),
      // @ts-expect-error doubles are none
      tensor(new Float64Array(4), [2, 2]),
      // @ts-expect-error the shape is missing
      tensor(new Float32Array(4)),
      // @ts-expect-error targets are missing
      net.evaluate({ inputs: [[[1, 2]]] }, { loss: crossEntropy() }),
    ]);
  });

  test("a tensor keeps the type of its data", () => {
    expectTypeOf(tensor(new Int32Array(1), [1])).toEqualTypeOf<Tensor<Int32Array<ArrayBuffer>>>();
    expectTypeOf(tensor(new Float32Array(1), [1]).data).toEqualTypeOf<Float32Array<ArrayBuffer>>();
    expectTypeOf<Tensor["data"]>().toEqualTypeOf<Float32Array>();
  });
});

describe("what calls give and take", () => {
  test("forward, backward, predict", () => {
    expectTypeOf<Network["forward"]>().returns.toEqualTypeOf<ForwardResult>();
    expectTypeOf<ForwardResult>().toEqualTypeOf<{ readonly output: Tensor; readonly state: Float32Array }>();
    expectTypeOf<Network["backward"]>().returns.toEqualTypeOf<BackwardResult>();
    expectTypeOf<BackwardResult["gradInput"]>().toEqualTypeOf<Tensor | undefined>();
    expectTypeOf<Network["predict"]>().returns.toEqualTypeOf<Tensor>();
    expectTypeOf<Network["loss"]>().returns.toBeNumber();
    expectTypeOf<Network["evaluate"]>().returns.toEqualTypeOf<Evaluation>();
    expectTypeOf<Evaluation["accuracy"]>().toEqualTypeOf<number | undefined>();
    unrun(() => [
      // @ts-expect-error a misspelt option
      net.forward([[[1, 2]]], { train: true }),
      // @ts-expect-error a state is a Float32Array
      net.forward([[[1, 2]]], { state: [1, 2] }),
      // @ts-expect-error a loss is needed
      net.evaluate({ inputs: [], targets: [] }, {}),
      // @ts-expect-error the name of a loss is no loss
      net.loss("crossEntropy", [1]),
      // @ts-expect-error the gradient may be missing
      net.backward().gradInput.shape,
    ]);
  });

  test("training", () => {
    expectTypeOf<Network["fit"]>().returns.toEqualTypeOf<Promise<History>>();
    expectTypeOf<Network["train"]>().returns.toEqualTypeOf<Trainer>();
    expectTypeOf<Trainer>().toExtend<Iterable<StepReport>>();
    expectTypeOf<Trainer["checkpoint"]>().returns.toEqualTypeOf<Uint8Array<ArrayBuffer>>();
    expectTypeOf<FitOptions>().toExtend<TrainOptions>();
    expectTypeOf<NonNullable<FitOptions["onStep"]>>().parameters.toEqualTypeOf<[StepReport, Trainer]>();
    expectTypeOf<NonNullable<FitOptions["onEpoch"]>>().parameters.toEqualTypeOf<[EpochReport, Trainer]>();
    unrun(() => [
      // @ts-expect-error the optimizer is missing
      net.fit({ inputs: [], targets: [] }, { loss: meanSquaredError() }),
      // @ts-expect-error the optimizer was not called
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- so the linter says too
      net.fit({ inputs: [], targets: [] }, { loss: meanSquaredError(), optimizer: adam }),
      // @ts-expect-error an option of fit, not of train
      net.train({ inputs: [], targets: [] }, { loss: meanSquaredError(), optimizer: sgd(), validation: 1 }),
      // @ts-expect-error an optimizer is made by its function
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- so the linter says too
      net.train({ inputs: [], targets: [] }, { loss: meanSquaredError(), optimizer: { type: "sgd", learningRate: 1 } }),
      // @ts-expect-error there are two betas
      adam({ betas: [0.9, 0.99, 0.999] }),
      // @ts-expect-error an option of another optimizer
      sgd({ betas: [0.9, 0.99] }),
      // @ts-expect-error an option of another loss
      meanSquaredError({ labelSmoothing: 0.1 }),
      // @ts-expect-error a rate for each step is a function
      net.train({ inputs: [], targets: [] }, { loss: meanSquaredError(), optimizer: sgd(), learningRate: 0.1 }),
    ]);
    for (const { step, loss } of net.train(
      { inputs: [[[1, 2]]], targets: [[[1, 2]]] },
      { loss: meanSquaredError(), optimizer: sgd() },
    )) {
      expectTypeOf(step).toBeNumber();
      expectTypeOf(loss).toBeNumber();
    }
  });

  test("streams, files, generation, inspection", () => {
    expectTypeOf<Stream["step"]>().toEqualTypeOf<
      (x: Float32Array | Int32Array | number, output?: Float32Array) => Float32Array
    >();
    expectTypeOf<Stream["snapshot"]>().returns.toEqualTypeOf<Uint8Array<ArrayBuffer>>();
    expectTypeOf<Network["save"]>().returns.toEqualTypeOf<Uint8Array<ArrayBuffer>>();
    expectTypeOf<typeof Network.load>().returns.toEqualTypeOf<Network>();
    expectTypeOf<Buffer>().toExtend<Parameters<typeof Network.load>[0]>();
    expectTypeOf(generate).returns.toEqualTypeOf<Generator<number, void, undefined>>();
    expectTypeOf(gradientCheck).returns.toEqualTypeOf<GradientCheckResult[]>();
    unrun(() => [
      // @ts-expect-error a text is no file
      Network.load("model.safetensors"),
      // @ts-expect-error a step takes typed arrays: it must not allocate
      net.stream().step([1, 2]),
      // @ts-expect-error metadata are texts
      (net.metadata.size = 1),
    ]);
  });

  test("errors have a code", () => {
    expectTypeOf<FormatError["code"]>().toEqualTypeOf<FormatErrorCode>();
    expectTypeOf<FormatErrorCode>().toEqualTypeOf<"malformed" | "truncated" | "unsupported" | "mismatch">();
    expectTypeOf<NumericError["code"]>().toEqualTypeOf<"not-finite">();
    expectTypeOf<NumericError["step"]>().toBeNumber();
    expectTypeOf<NumericError["at"]>().toBeString();
    expectTypeOf<FormatError>().toExtend<Error>();
    expect(new FormatError("malformed", "x")).toMatchObject({ name: "FormatError", code: "malformed", message: "x" });
    expect(new NumericError("x", 3, "loss")).toMatchObject({
      name: "NumericError",
      code: "not-finite",
      step: 3,
      at: "loss",
    });
  });
});
