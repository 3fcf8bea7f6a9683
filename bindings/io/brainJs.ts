/** A feed-forward network of brain.js, as its `toJSON()` gives it. */

import { FormatError } from "../errors.ts";
import type { LayerDescription, Network } from "../index.ts";
import { show } from "../validate.ts";
import { networkOf, readJson, type ForeignWeight } from "./foreign.ts";
import { isObject } from "./json.ts";

const types = ["NeuralNetwork", "NeuralNetworkGPU"];
const recurrent = ["RNN", "LSTM", "GRU", "RNNTimeStep", "LSTMTimeStep", "GRUTimeStep"];

/**
 * A network from a NeuralNetwork of brain.js. Where its inputs or outputs had names, `metadata.inputLookup` and
 * `metadata.outputLookup` are JSON of the column of each.
 * @param json what `net.toJSON()` gave, or its text or bytes
 * @throws FormatError when it is damaged, or a recurrent network
 */
export function importBrainJs(json: string | Uint8Array | object): Network {
  const model = readJson("the network of brain.js", json);
  const { type, sizes, layers } = model;
  if (recurrent.includes(type as string)) {
    const why = "whose cells are others than those of that name: LSTM keeps its output where the cell state belongs";
    throw new FormatError(
      "unsupported",
      `this is a recurrent network of brain.js, ${String(type)}, ${why}: train it anew`,
    );
  }
  if (!types.includes(type as string)) {
    throw new FormatError(
      "unsupported",
      `this is a ${show(type)} and no NeuralNetwork of brain.js 2: save it with toJSON()`,
    );
  }
  if (!Array.isArray(sizes) || !Array.isArray(layers) || sizes.length < 2 || layers.length !== sizes.length) {
    throw malformed("sizes or layers");
  }
  const activation = activationOf(model);
  const weights: ForeignWeight[] = [];
  const described = (layers as unknown[]).slice(1).map((layer, k): LayerDescription => {
    const [inputs, units] = [sizeOf(sizes, k), sizeOf(sizes, k + 1)];
    const name = `dense_${k + 1}`;
    weights.push(...weightsOf(name, layer, inputs, units));
    return { type: "dense", units, activation, name };
  });
  const { inputLookup, outputLookup } = model;
  return networkOf({
    input: { features: sizeOf(sizes, 0) },
    layers: described,
    weights,
    origin: { format: "brain.js", type },
    metadata: { ...lookup("inputLookup", inputLookup), ...lookup("outputLookup", outputLookup) },
  });
}

/** All layers have the same; what it was trained with counts. */
function activationOf({ trainOpts, options }: Readonly<Record<string, unknown>>) {
  const { activation, leakyReluAlpha } = {
    ...{ activation: "sigmoid", leakyReluAlpha: 0.01 },
    ...(isObject(options) ? options : {}),
    ...(isObject(trainOpts) ? trainOpts : {}),
  } as Readonly<Record<string, unknown>>;
  const known = (["sigmoid", "relu", "tanh"] as const).find((name) => name === activation);
  if (known) return known;
  if (activation === "leaky-relu" && Number.isFinite(leakyReluAlpha)) {
    return { type: "leakyRelu", alpha: Number(leakyReluAlpha) } as const;
  }
  throw new FormatError("unsupported", `the activation ${show(activation)} is not one of brain.js`);
}

function sizeOf(sizes: readonly unknown[], k: number): number {
  const size = sizes[k];
  if (Number.isSafeInteger(size) && (size as number) > 0) return size as number;
  throw malformed(`sizes[${k}]`);
}

function weightsOf(name: string, layer: unknown, inputs: number, units: number): ForeignWeight[] {
  const { weights, biases } = isObject(layer) ? layer : {};
  if (!Array.isArray(weights) || weights.length !== units) throw malformed(`the weights of ${name}`);
  const rows = (weights as unknown[]).map((row) => numbersOf(`the weights of ${name}`, row, inputs));
  const data = Float32Array.from(rows.flat());
  return [
    { name: `${name}.weight`, shape: [units, inputs], data },
    {
      name: `${name}.bias`,
      shape: [units],
      data: Float32Array.from(numbersOf(`the biases of ${name}`, biases, units)),
    },
  ];
}

function numbersOf(what: string, list: unknown, length: number): number[] {
  const isSound =
    Array.isArray(list) && list.length === length && list.every((x) => Number.isFinite(Math.fround(x as number)));
  if (!isSound || !list.every((x) => typeof x === "number")) throw malformed(what);
  return list;
}

function lookup(name: string, value: unknown): Record<string, string> {
  return isObject(value) ? { [name]: JSON.stringify(value) } : {};
}

function malformed(part: string): FormatError {
  return new FormatError("malformed", `the network of brain.js is damaged at ${part}: save it again with toJSON()`);
}
