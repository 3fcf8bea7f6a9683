import type { Engine } from "./engine.ts";
import type { ParameterBlock } from "./layers/layer.ts";
import { showShape } from "./tensor.ts";
import { expectNumber, expectRange, expectType } from "./validate.ts";

/** A buffer of a network: numbers that a layer keeps and that nothing learns, such as a running mean. */
export type NetworkBuffer = Omit<Parameter, "gradient">;

/** A parameter of a network: its place in the network's memory. */
export class Parameter {
  /** PyTorch's name, after the layer's: "lstm.weight_ih_l0". */
  readonly name: string;
  readonly shape: readonly number[];
  readonly #engine: Engine;
  readonly #block: ParameterBlock;

  /** @internal */
  constructor(engine: Engine, block: ParameterBlock) {
    this.name = block.name;
    this.shape = block.shape;
    this.#engine = engine;
    this.#block = block;
  }

  /** The values, row-major, as a view of the network's memory. Take it afresh after other calls, and for each write. */
  get value(): Float32Array {
    this.#engine.valuesMayChange();
    return this.#engine.core.view(this.#block.value, this.#block.size);
  }

  /** The gradient, as a view like `value`. */
  get gradient(): Float32Array {
    if (this.#block.buffer) throw new TypeError(`"${this.name}" is a buffer: it has no gradient`);
    return this.#engine.core.view(this.#block.gradient, this.#block.size);
  }

  /** Sets all values. @throws TypeError, RangeError when they are not as many finite numbers */
  set(values: ArrayLike<number>): void {
    const expected = `${this.#block.size} numbers, shape ${showShape(this.shape)}`;
    expectType(typeof values === "object" && (values as unknown) !== null, this.name, expected, values);
    expectRange(values.length === this.#block.size, this.name, expected, values);
    const checked = Float32Array.from(values, (x, i) => {
      const rounded = Math.fround(expectNumber(`${this.name}[${i}]`, x));
      expectRange(Number.isFinite(rounded), `${this.name}[${i}]`, "a number that float32 holds", x);
      return rounded;
    });
    this.#engine.core.f32.set(checked, this.#block.value >>> 2);
    this.#engine.valuesChanged();
  }
}
