import { Network, tensor, type Tensor } from "../index.ts";
import { expectType } from "../validate.ts";
import type { Chain } from "./chain.ts";
import { isKnown } from "./dim.ts";
import type { Value } from "./graph.ts";
import { gather, type Joined, type Source, type View } from "./view.ts";

/** A tensor by its name in the graph. */
export interface OnnxPort {
  readonly name: string;
  /** Sizes; a name for one that is open. */
  readonly shape: readonly (number | string)[];
  /**
   * Of an input: what comes into the first layer, initial states, the lengths of the sequences, or nothing. Of an output: what the
   * last layer gives, or final states.
   */
  readonly role: "input" | "state" | "lengths" | "unused" | "output";
}

/** An output of the graph. */
export interface Outlet {
  readonly name: string;
  readonly value: Value;
}

/** A state of the network, (batch, units). */
export interface StateInlet {
  readonly which: "h" | "c";
  readonly units: number;
  readonly initial: View | undefined;
  readonly final: Source;
  readonly learnt: Float32Array | undefined;
}

interface Parts {
  readonly network: Network;
  readonly opset: number;
  readonly producer: string;
  readonly chain: Chain;
  readonly outlets: readonly Outlet[];
  readonly states: readonly StateInlet[];
  readonly inputs: readonly { readonly name: string; readonly source: Source }[];
}

/** Numbers by the names of the graph's inputs or outputs. */
export type OnnxTensors = Readonly<Record<string, Tensor<Float32Array | Int32Array>>>;

/** An ONNX file that was read: a network, and how the graph's inputs and outputs belong to it. */
export class OnnxModel {
  /** The layers with their weights, batch first, as any other network. */
  readonly network: Network;
  /** Version of ONNX's operators that the file was written for. */
  readonly opset: number;
  /** The program that has written the file. */
  readonly producer: string;
  readonly inputs: readonly OnnxPort[];
  readonly outputs: readonly OnnxPort[];
  readonly #parts: Parts;
  #afterRecurrent: Network | undefined;

  /** @internal */
  constructor(parts: Parts) {
    this.network = parts.network;
    this.opset = parts.opset;
    this.producer = parts.producer;
    this.#parts = parts;
    this.inputs = parts.inputs.map(({ name, source }) => ({
      name,
      shape: shapeOf(source),
      role: roleOf(parts, source),
    }));
    this.outputs = parts.outlets.map(({ name, value }) => {
      const views = viewsOf(value);
      const role = views[0]!.source.kind === "state" ? "state" : "output";
      return { name, shape: outputShape(value as View | Joined), role };
    });
  }

  /**
   * Runs the graph as it stands in the file: its inputs by name, in its layout, and so its outputs. Integers are an Int32Array.
   * Initial states that are not given are zeros. `network` does the same in the layout of this library, and learns.
   * @throws TypeError, RangeError on a wrong input
   */
  run(inputs: OnnxTensors): Readonly<Record<string, Tensor>> {
    const { outlets } = this.#parts;
    const feed = new Feed(this.#parts, inputs);
    const { output, state } = this.network.forward(feed.input(), { state: feed.state(), ...feed.lengthsOption() });
    this.#fillPadding(output, feed);
    const results = outlets.map(({ name, value }): [string, Tensor] => [
      name,
      feed.outlet(value as View | Joined, output, state),
    ]);
    return Object.freeze(Object.fromEntries(results));
  }

  /** Beyond the end of a sequence the graph goes on with zeros after the last recurrent layer, and a network with nothing. */
  #fillPadding(output: Tensor, { lengths }: Feed): void {
    const [, T, F] = output.shape;
    if (!lengths || T === undefined || F === undefined) return;
    const row = this.#padding();
    if (!row) return;
    lengths.forEach((length, b) => {
      for (let t = length; t < T; t++) output.data.set(row, (b * T + t) * F);
    });
  }

  /** What the layers after the last recurrent one make of zeros. */
  #padding(): Float32Array | undefined {
    const { layers } = this.network.config;
    const first = layers.map((layer) => "bidirectional" in layer).lastIndexOf(true);
    const rest = layers.slice(first + 1);
    if (first < 0 || rest.length === 0) return undefined;
    const recurrent = layers[first] as { units: number; bidirectional?: boolean };
    const features = recurrent.units * (recurrent.bidirectional ? 2 : 1);
    this.#afterRecurrent ??= new Network({ input: { features }, layers: rest });
    const own = this.#afterRecurrent.parameters;
    const ours = this.network.parameters.slice(this.network.parameters.length - own.length);
    own.forEach((parameter, i) => parameter.set(ours[i]!.value));
    return this.#afterRecurrent.predict(tensor(new Float32Array(features), [1, features])).data;
  }
}

const viewsOf = (value: Value): readonly View[] =>
  value.kind === "joined" ? value.parts : value.kind === "view" ? [value] : [];

function shapeOf({ sizes }: Source): (number | string)[] {
  return sizes.map((size) => (isKnown(size) ? size : size.names.join("·")));
}

function outputShape(value: View | Joined): (number | string)[] {
  const [first] = viewsOf(value);
  const shape = first!.groups.map((group) => {
    const names = group.flatMap(({ size }) => (isKnown(size) ? [] : size.names));
    const factor = group.reduce((product, { size }) => product * (isKnown(size) ? size : size.factor), 1);
    return names.length === 0 ? factor : [...(factor === 1 ? [] : [factor]), ...names].join("·");
  });
  if (value.kind === "joined") shape[value.axis] = value.sizes.reduce((a, b) => a + b, 0);
  return shape;
}

function roleOf({ chain, states }: Parts, source: Source): OnnxPort["role"] {
  if (chain.input?.source === source) return "input";
  if (chain.lengths?.source === source) return "lengths";
  return states.some(({ initial }) => initial?.source === source) ? "state" : "unused";
}

/** The inputs of one run, and the sizes that come with them. */
class Feed {
  readonly lengths: Int32Array | undefined;
  readonly #parts: Parts;
  readonly #inputs: OnnxTensors;
  /** Sizes of the axes of the rows. */
  readonly #rows: readonly number[];
  readonly #data: Float32Array | Int32Array;
  readonly #B: number;
  readonly #T: number;
  readonly #batch: readonly number[];
  readonly #time: number | undefined;

  constructor(parts: Parts, inputs: OnnxTensors) {
    const { chain } = parts;
    this.#parts = parts;
    this.#inputs = inputs;
    const view = chain.input!;
    const { data, shape } = this.#gather(view);
    this.#rows = chain.tokens > 0 ? shape : shape.slice(0, -1);
    const { time, batch } = axesOf(chain, this.#rows.length);
    this.#time = time;
    this.#batch = batch;
    this.#T = time === undefined ? 1 : this.#rows[time]!;
    this.#B = batch.reduce((product, axis) => product * this.#rows[axis]!, 1);
    this.#data = data;
    this.lengths = chain.lengths && (this.#gather(chain.lengths).data as Int32Array);
  }

  #gather(view: View): { data: Float32Array | Int32Array; shape: number[] } {
    const { name, sizes, integer } = view.source;
    const given = Object.hasOwn(this.#inputs, name) ? this.#inputs[name] : undefined;
    if (given === undefined) throw new TypeError(`run: there is no input "${name}"`);
    const { data, shape } = given;
    expectType(
      data instanceof (integer ? Int32Array : Float32Array),
      name,
      integer ? "an Int32Array" : "a Float32Array",
      data,
    );
    const fits =
      shape.length === sizes.length && shape.every((size, axis) => !isKnown(sizes[axis]) || sizes[axis] === size);
    if (!fits || shape.reduce((a, b) => a * b, 1) !== data.length) {
      throw new RangeError(`"${name}" expected shape [${shapeOf(view.source).join(", ")}], got [${shape.join(", ")}]`);
    }
    return gather(view, data, shape);
  }

  /** (batch, time, features), or (batch, features) where there is no time. */
  input(): Tensor | Tensor<Int32Array> {
    const { chain, network } = this.#parts;
    const F = chain.tokens > 0 ? [] : [chain.features];
    const order = [...this.#batch, ...(this.#time === undefined ? [] : [this.#time])];
    const axes = [...order, ...F.map(() => this.#rows.length)];
    const rows: View = { ...canonical([...this.#rows, ...F]), groups: axes.map((axis) => [walkOf(axis)]) };
    const { data } = gather(rows, this.#data, [...this.#rows, ...F]);
    const needsTime = this.#time !== undefined || network.states.length > 0;
    const shape = [this.#B, ...(needsTime ? [this.#T] : []), ...F];
    return data instanceof Int32Array ? tensor(data, shape) : tensor(data, shape);
  }

  lengthsOption(): { lengths?: Int32Array } {
    return this.lengths ? { lengths: this.lengths } : {};
  }

  /** The states that the graph is given, flat as the network has them. */
  state(): Float32Array {
    const parts = this.#parts.states.map((state) => {
      const { units, initial, learnt } = state;
      if (!initial) {
        const all = new Float32Array(this.#B * units);
        if (learnt) for (let b = 0; b < this.#B; b++) all.set(learnt, b * units);
        return all;
      }
      const { data, shape } = this.#gather(initial);
      if (data.length !== this.#B * units) {
        throw new RangeError(`"${initial.source.name}" expected states for a batch of ${this.#B}, got ${shape[0]!}`);
      }
      return data as Float32Array;
    });
    const flat = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of parts) {
      flat.set(part, at);
      at += part.length;
    }
    return flat;
  }

  /** An output of the graph from what the network gives. */
  outlet(value: View | Joined, output: Tensor, state: Float32Array): Tensor {
    if (value.kind === "view") {
      const { data, shape } = this.#view(value, output, state);
      return tensor(data, shape);
    }
    const parts = value.parts.map((part) => this.#view(part, output, state));
    const first = parts[0]!.shape;
    const outer = first.slice(0, value.axis).reduce((a, b) => a * b, 1);
    const widths = parts.map(({ data }) => data.length / outer);
    const all = new Float32Array(parts.reduce((sum, { data }) => sum + data.length, 0));
    let at = 0;
    for (let i = 0; i < outer; i++) {
      parts.forEach(({ data }, k) => {
        all.set(data.subarray(i * widths[k]!, (i + 1) * widths[k]!), at);
        at += widths[k]!;
      });
    }
    const size = value.sizes.reduce((a, b) => a + b, 0);
    return tensor(
      all,
      first.map((own, axis) => (axis === value.axis ? size : own)),
    );
  }

  #view(view: View, output: Tensor, state: Float32Array): { data: Float32Array; shape: number[] } {
    const { source } = view;
    return source.kind === "state" ? this.#stateView(view, state) : gather(view, ...this.#rowsOf(output));
  }

  /** The network's output with the axes of the chain's rows, which may have lost time on the way. */
  #rowsOf(output: Tensor): [Float32Array, number[]] {
    const { chain } = this.#parts;
    const F = output.shape.at(-1)!;
    const now = axesOf(chain, chain.rows.length);
    if (chain.inputRows) return [output.data, [...this.#batch.map((axis) => this.#rows[axis]!), F]];
    // (batch …, time, features) into the order of the rows
    const stored = [...now.batch, ...(now.time === undefined ? [] : [now.time])];
    const shape = [...stored.map((axis) => this.#rows[axis]!), F];
    const order = [...this.#rows.map((_, axis) => stored.indexOf(axis)), stored.length];
    const turned = gather({ ...canonical(shape), groups: order.map((axis) => [walkOf(axis)]) }, output.data, shape);
    return [turned.data, turned.shape];
  }

  #stateView(view: View, state: Float32Array): { data: Float32Array; shape: number[] } {
    const { states } = this.#parts;
    const B = this.#B;
    let at = 0;
    const mine: Float32Array[] = [];
    for (const { final, units } of states) {
      if (final === view.source) mine.push(state.subarray(at, at + B * units));
      at += B * units;
    }
    const units = mine[0]!.length / B;
    const all = new Float32Array(mine.length * B * units);
    mine.forEach((part, d) => all.set(part, d * B * units));
    return gather(view, all, [mine.length, ...this.#batch.map((axis) => this.#rows[axis]!), units]);
  }
}

/** The axes of time and batch; where no layer has said so, the first of two is the batch, and of others all. */
function axesOf(chain: Chain, rank: number): { time: number | undefined; batch: readonly number[] } {
  const said = chain.inputRows ?? chain;
  if (said.batch !== undefined) return { time: said.time, batch: said.batch };
  if (rank === 2) return { time: 1, batch: [0] };
  return { time: undefined, batch: Array.from({ length: rank }, (_, axis) => axis) };
}

const walkOf = (axis: number) => ({ axis, stride: 1, size: { factor: 1, names: [""] } });

/** A view of an array whose sizes are told when it is gathered. */
function canonical(shape: readonly number[]): View {
  const source: Source = { kind: "output", name: "", sizes: shape, integer: false };
  return { kind: "view", source, starts: shape.map(() => 0), groups: [] };
}
