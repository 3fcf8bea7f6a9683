/** The files of Keras 3: .keras, a zip archive of config.json and model.weights.h5, and .weights.h5 alone. */

import { FormatError } from "../errors.ts";
import { Network, type LayerDescription, type NetworkConfig } from "../index.ts";
import { expectOptions, show } from "../validate.ts";
import { networkOf, readJson } from "./foreign.ts";
import { isHdf5, readHdf5 } from "./hdf5.ts";
import {
  convertLayers,
  readLayers,
  type KerasLayer,
  type KerasOptions,
  type KerasWeight,
  type Part,
  type Role,
  type WeightSource,
} from "./keras.ts";
import { asBytes, float32Of, type RawTensor } from "./safetensors.ts";
import { isZip, readZip } from "./zip.ts";

/**
 * A network from a .keras file of Keras 3.
 * @throws FormatError when the file is damaged or holds what is not read, by name
 */
export function importKeras(bytes: Uint8Array | ArrayBuffer, options: KerasOptions = {}): Network {
  expectOptions("importKeras", options, ["mask"]);
  const file = asBytes(bytes);
  if (isHdf5(file)) throw whole();
  if (!isZip(file)) throw new FormatError("malformed", "the file is no .keras file: it is no zip archive");
  const files = readZip("Keras", file);
  const [config, weights] = ["config.json", "model.weights.h5"].map((name) => {
    const found = files.get(name);
    if (found) return found;
    throw new FormatError("malformed", `the file is no .keras file: there is no ${name} in it`);
  }) as [Uint8Array, Uint8Array];
  const metadata = files.get("metadata.json");
  const { keras_version: version } = metadata ? readJson("metadata.json", metadata) : {};
  const layers = readLayers(readJson("config.json", config));
  const isKeras3 = typeof version === "string" && !version.startsWith("2.");
  const origin = { format: "keras", version };
  return networkOf({ ...withWeights(layers, readHdf5(weights), isKeras3, options), origin });
}

function whole(): FormatError {
  const cure = "load it in Keras 3 and model.save it as .keras, or give a .weights.h5 to importKerasWeights";
  return new FormatError("unsupported", `the file is HDF5 and no .keras file: ${cure}`);
}

/**
 * A network from a .weights.h5 file, which does not describe its layers.
 * @param config the layers in the order of the Keras model: dense, embedding, elman, lstm and gru, and what has no weights
 * @throws FormatError when the file is damaged or does not fit
 */
export function importKerasWeights(bytes: Uint8Array | ArrayBuffer, config: NetworkConfig): Network {
  const file = asBytes(bytes);
  if (!isHdf5(file)) throw new FormatError("malformed", "the file is no .weights.h5 file: it is no HDF5 file");
  const { config: checked, parameters } = new Network(config);
  const data = readHdf5(file);
  const isWrapped = rootsOf(data).every((root) => !hasGroup(data, `${root}/dense`));
  const layers = checked.layers.flatMap((layer, k) => asKeras(layer, checked.input, k, isWrapped) ?? []);
  const { weights } = withWeights(layers, data, true, {});
  if (weights.length !== parameters.length) {
    throw new FormatError(
      "unsupported",
      "the network has parameters that no layer of Keras has: leave out their options",
    );
  }
  // Both stand in the order of the layers, and within a layer in ours.
  const named = weights.map((weight, k) => ({ ...weight, name: parameters[k]!.name }));
  return networkOf({ ...checked, weights: named, origin: { format: "keras weights" } });
}

/** A layer as Keras would describe it; undefined for one without weights. */
function asKeras(
  layer: LayerDescription,
  input: NetworkConfig["input"],
  k: number,
  isWrapped: boolean,
): KerasLayer | undefined {
  const name = `layers[${k}]`;
  const one = (className: string, config: KerasLayer["config"], inner?: KerasLayer) => ({
    className,
    name,
    config,
    inner,
  });
  switch (layer.type) {
    case "activation":
    case "dropout":
    case "last":
    case "repeat":
      return undefined;
    case "embedding":
      return one("Embedding", { input_dim: "tokens" in input ? input.tokens : 0, output_dim: layer.units });
    case "dense": {
      const inner = one("Dense", { units: layer.units, use_bias: layer.bias });
      return isWrapped ? one("TimeDistributed", {}, inner) : inner;
    }
    case "elman":
    case "lstm":
    case "gru": {
      if (layer.layers !== 1) {
        throw new FormatError(
          "unsupported",
          `${name} has ${String(layer.layers)} levels: give each layer of Keras its own`,
        );
      }
      const className = { elman: "SimpleRNN", lstm: "LSTM", gru: "GRU" }[layer.type];
      const reset = layer.type === "gru" ? { reset_after: layer.reset === "after" } : {};
      const inner = one(className, {
        ...{ units: layer.units, use_bias: layer.bias, recurrent_activation: "sigmoid", return_sequences: true },
        ...reset,
      });
      return layer.bidirectional ? one("Bidirectional", { merge_mode: "concat" }, inner) : inner;
    }
    default:
      throw new FormatError("unsupported", `${name}, ${layer.type}(), is not read from a file of Keras`);
  }
}

// ---- weights

/** The layers with the data sets that belong to them; none may be left over. */
function withWeights(
  layers: readonly KerasLayer[],
  data: ReadonlyMap<string, RawTensor>,
  isKeras3: boolean,
  options: KerasOptions,
) {
  const used = new Set<string>();
  const converted = convertLayers(layers, sourceOf(layers, data, used), isKeras3, options);
  for (const path of data.keys()) {
    const isWeight = rootsOf(data).some((root) => path.startsWith(`${root}/`)) && !path.includes("seed_generator");
    if (!isWeight || used.has(path)) continue;
    throw new FormatError("mismatch", `the weights ${show(path)} belong to no layer of the model`);
  }
  return converted;
}

/** The group of the layers; the second is that of Keras 2.13 to 2.15. */
function rootsOf(data: ReadonlyMap<string, RawTensor>): string[] {
  return ["layers", "_layer_checkpoint_dependencies"].filter((root) => hasGroup(data, root));
}

function hasGroup(data: ReadonlyMap<string, RawTensor>, group: string): boolean {
  return [...data.keys()].some((path) => path.startsWith(`${group}/`));
}

/** In snake case, as Keras names the groups: the class, numbered from the second on. */
const groups: Readonly<Record<string, string>> = {
  Dense: "dense",
  Embedding: "embedding",
  SimpleRNN: "simple_rnn",
  LSTM: "lstm",
  GRU: "gru",
  Bidirectional: "bidirectional",
  TimeDistributed: "time_distributed",
};

const indices: Readonly<Record<Role, readonly [withRecurrent: number, without: number]>> = {
  kernel: [0, 0],
  recurrent_kernel: [1, 1],
  bias: [2, 1],
  embeddings: [0, 0],
};

function sourceOf(
  layers: readonly KerasLayer[],
  data: ReadonlyMap<string, RawTensor>,
  used: Set<string>,
): WeightSource {
  const counts = new Map<string, number>();
  const places = new Map<KerasLayer, string>();
  for (const layer of layers) {
    const group = groups[layer.className];
    if (group === undefined) continue;
    const count = counts.get(group) ?? 0;
    counts.set(group, count + 1);
    places.set(layer, count === 0 ? group : `${group}_${count}`);
  }
  return (layer: KerasLayer, part: Part, role: Role): KerasWeight => {
    const inner = layer.inner ?? layer;
    const isRecurrent = inner.className !== "Dense" && inner.className !== "Embedding";
    const wrapper = part === "only" ? (layer.inner ? "layer/" : "") : `${part}_layer/`;
    const place = `${places.get(layer) ?? ""}/${wrapper}${isRecurrent ? "cell/" : ""}vars/${indices[role][isRecurrent ? 0 : 1]}`;
    const path = rootsOf(data)
      .map((root) => `${root}/${place}`)
      .find((one) => data.has(one));
    if (path === undefined) {
      const there = [...data.keys()].slice(0, 4).join(", ");
      throw new FormatError(
        "mismatch",
        `layer ${show(layer.name)} has no ${role} at ${show(place)}; there are ${there}`,
      );
    }
    const tensor = data.get(path)!;
    used.add(path);
    return { shape: tensor.shape, data: float32Of(path, tensor) };
  };
}
