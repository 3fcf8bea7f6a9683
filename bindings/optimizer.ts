import type { CoreFunctions, Pointer } from "./core/core.ts";
import type { Engine } from "./engine.ts";
import { expectBoolean, expectNumber, expectOneOf, expectOptions, expectPositive, expectType } from "./validate.ts";

interface Common {
  /** Step size. */
  readonly learningRate?: number;
  /** L2 penalty, added to the gradient; for adamw decoupled from it. */
  readonly weightDecay?: number;
}

export interface SgdOptions extends Common {
  /** Default 0. */
  readonly momentum?: number;
  /** Default 0. */
  readonly dampening?: number;
  /** Nesterov's momentum. Default false. */
  readonly nesterov?: boolean;
}

export interface RmspropOptions extends Common {
  /** Decay of the mean of squares. Default 0.99. */
  readonly alpha?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Divide by an estimate of the variance. Default false. */
  readonly centered?: boolean;
}

export interface AdagradOptions extends Common {
  /** Default 0. */
  readonly learningRateDecay?: number;
  /** What the sums of squares start with. Default 0. */
  readonly initialAccumulator?: number;
  /** Default 1e-10. */
  readonly epsilon?: number;
}

export interface AdamOptions extends Common {
  /** Decay of the means of gradients and of squares. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Divide by the largest mean of squares so far. Default false. */
  readonly amsgrad?: boolean;
}

/** All options filled in. */
type Complete<T> = { readonly [K in keyof T]-?: T[K] };

/** Description of an optimiser: plain JSON, made by the function of the same name. */
export type Optimizer =
  | ({ readonly type: "sgd" } & Complete<SgdOptions>)
  | ({ readonly type: "rmsprop" } & Complete<RmspropOptions>)
  | ({ readonly type: "adagrad" } & Complete<AdagradOptions>)
  | ({ readonly type: "adam" } & Complete<AdamOptions>)
  | ({ readonly type: "adamw" } & Complete<AdamOptions>);

/** Stochastic gradient descent, PyTorch's SGD. Default learning rate 0.01. */
export function sgd(options: SgdOptions = {}): Optimizer {
  expectOptions("sgd", options, ["learningRate", "weightDecay", "momentum", "dampening", "nesterov"]);
  const { momentum = 0, dampening = 0, nesterov = false } = options;
  const checked: Optimizer = {
    type: "sgd",
    ...common(options, 0.01, 0),
    momentum: expectNumber("momentum", momentum, 0),
    dampening: expectNumber("dampening", dampening),
    nesterov: expectBoolean("nesterov", nesterov),
  };
  if (nesterov && (momentum === 0 || dampening !== 0)) {
    throw new RangeError('"nesterov" needs a "momentum" above 0 and no "dampening"');
  }
  return Object.freeze(checked);
}

/** RMSprop, PyTorch's form. Default learning rate 0.01. */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  expectOptions("rmsprop", options, ["learningRate", "weightDecay", "alpha", "epsilon", "momentum", "centered"]);
  const { alpha = 0.99, epsilon = 1e-8, momentum = 0, centered = false } = options;
  return Object.freeze({
    type: "rmsprop",
    ...common(options, 0.01, 0),
    alpha: expectNumber("alpha", alpha, 0, 1),
    epsilon: expectPositive("epsilon", epsilon),
    momentum: expectNumber("momentum", momentum, 0),
    centered: expectBoolean("centered", centered),
  });
}

/** Adagrad, PyTorch's form. Default learning rate 0.01. */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const known = ["learningRate", "weightDecay", "learningRateDecay", "initialAccumulator", "epsilon"];
  expectOptions("adagrad", options, known);
  const { learningRateDecay = 0, initialAccumulator = 0, epsilon = 1e-10 } = options;
  return Object.freeze({
    type: "adagrad",
    ...common(options, 0.01, 0),
    learningRateDecay: expectNumber("learningRateDecay", learningRateDecay, 0),
    initialAccumulator: expectNumber("initialAccumulator", initialAccumulator, 0),
    epsilon: expectPositive("epsilon", epsilon),
  });
}

/** Adam, PyTorch's form: weight decay is added to the gradient. Default learning rate 0.001. */
export function adam(options: AdamOptions = {}): Optimizer {
  return Object.freeze({ type: "adam", ...checkAdam("adam", options, 0) });
}

/** Adam with decoupled weight decay, by default 0.01, as PyTorch. Default learning rate 0.001. */
export function adamw(options: AdamOptions = {}): Optimizer {
  return Object.freeze({ type: "adamw", ...checkAdam("adamw", options, 0.01) });
}

function checkAdam(name: string, options: AdamOptions, weightDecay: number): Complete<AdamOptions> {
  expectOptions(name, options, ["learningRate", "weightDecay", "betas", "epsilon", "amsgrad"]);
  const { epsilon = 1e-8, amsgrad = false } = options;
  const { betas = [0.9, 0.999] }: { readonly betas?: readonly number[] } = options;
  expectType(Array.isArray(betas) && betas.length === 2, "betas", "two numbers", betas);
  const beta = (i: 0 | 1) => expectNumber(`betas[${i}]`, betas[i], 0, 1, { below: true });
  return {
    ...common(options, 0.001, weightDecay),
    betas: Object.freeze([beta(0), beta(1)] as const),
    epsilon: expectPositive("epsilon", epsilon),
    amsgrad: expectBoolean("amsgrad", amsgrad),
  };
}

function common(options: Common, defaultRate: number, defaultDecay: number): Complete<Common> {
  const { learningRate = defaultRate, weightDecay = defaultDecay } = options;
  return {
    learningRate: expectNumber("learningRate", learningRate, 0),
    weightDecay: expectNumber("weightDecay", weightDecay, 0),
  };
}

/** A checked, frozen description from one that may come from a file. */
export function normalizeOptimizer(value: unknown): Optimizer {
  expectType(typeof value === "object" && value !== null, "optimizer", "an optimizer such as adam()", value);
  const { type, ...options } = value as Optimizer;
  return optimizerTypes[expectOneOf("optimizer.type", type, optimizerNames)].create(options);
}

/** A block of parameters with its gradients, as the core takes it. */
interface Block {
  readonly functions: CoreFunctions;
  readonly values: Pointer;
  readonly gradients: Pointer;
  readonly size: number;
  /** Counts from 1. */
  readonly step: number;
  readonly rate: number;
}

interface OptimizerType<O extends Optimizer> {
  create(options: object): Optimizer;
  /** Which slots it needs; a slot that is not needed is not there. */
  slots(optimizer: O): readonly boolean[];
  /** What the slots start with. */
  initial?(optimizer: O): number;
  /** One step; `slots` are addresses, 0 for those that are not needed. */
  step(block: Block, optimizer: O, slots: readonly Pointer[]): void;
}

function adamType(
  create: OptimizerType<Optimizer>["create"],
  decoupled: boolean,
): OptimizerType<Optimizer & Complete<AdamOptions>> {
  return {
    create,
    slots: ({ amsgrad }) => [true, true, amsgrad],
    step({ functions, values, gradients, size, step, rate }, { betas, epsilon, weightDecay }, [m = 0, v = 0, max = 0]) {
      const [beta1, beta2] = betas;
      // prettier-ignore
      functions.adamStep(
        values, gradients, m, v, max, size, step,
        rate, beta1, beta2, epsilon, weightDecay, decoupled,
      );
    },
  };
}

type OptimizerOf<K extends Optimizer["type"]> = Extract<Optimizer, { readonly type: K }>;

const sgdType: OptimizerType<OptimizerOf<"sgd">> = {
  create: sgd,
  slots: ({ momentum }) => [momentum > 0],
  step({ functions, values, gradients, size, step, rate }, optimizer, [velocity = 0]) {
    const { momentum, dampening, nesterov, weightDecay } = optimizer;
    functions.sgdStep(values, gradients, velocity, size, step, rate, momentum, dampening, nesterov, weightDecay);
  },
};

const rmspropType: OptimizerType<OptimizerOf<"rmsprop">> = {
  create: rmsprop,
  slots: ({ centered, momentum }) => [true, centered, momentum > 0],
  step({ functions, values, gradients, size, rate }, optimizer, [square = 0, mean = 0, velocity = 0]) {
    const { alpha, epsilon, momentum, weightDecay } = optimizer;
    // prettier-ignore
    functions.rmspropStep(
      values, gradients, square, mean, velocity, size,
      rate, alpha, epsilon, momentum, weightDecay,
    );
  },
};

const adagradType: OptimizerType<OptimizerOf<"adagrad">> = {
  create: adagrad,
  slots: () => [true],
  initial: ({ initialAccumulator }) => initialAccumulator,
  step({ functions, values, gradients, size, step, rate }, optimizer, [square = 0]) {
    const { learningRateDecay, epsilon, weightDecay } = optimizer;
    functions.adagradStep(values, gradients, square, size, step, rate, learningRateDecay, epsilon, weightDecay);
  },
};

/** The one table of optimisers. */
const optimizerTypes: Readonly<Record<Optimizer["type"], OptimizerType<Optimizer>>> = {
  sgd: sgdType,
  rmsprop: rmspropType,
  adagrad: adagradType,
  adam: /*#__PURE__*/ adamType(adam, false),
  adamw: /*#__PURE__*/ adamType(adamw, true),
};

/** Names of all optimisers. */
export const optimizerNames = /*#__PURE__*/ Object.keys(optimizerTypes) as readonly Optimizer["type"][];

/** How many slots an optimiser needs. */
export function slotCount(optimizer: Optimizer): number {
  return optimizerTypes[optimizer.type].slots(optimizer).filter((is) => is).length;
}

/** An optimiser at work on an engine: the slots it uses there and how many steps it has taken. */
export class OptimizerState {
  readonly #engine: Engine;
  /** Steps taken. */
  steps = 0;
  #kind = "";
  /** For each slot of the type its number among those that are there, or −1. */
  #places: readonly number[] = [];

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Slots in use. */
  get count(): number {
    return this.#places.filter((place) => place >= 0).length;
  }

  /**
   * Gets ready for an optimiser. The state goes on if the kind and its slots are those of the one before (another learning
   * rate is no other optimiser), and starts anew otherwise.
   */
  use(optimizer: Optimizer): void {
    const type = optimizerTypes[optimizer.type];
    const needed = type.slots(optimizer);
    const kind = `${optimizer.type} ${needed.join(" ")}`;
    if (kind === this.#kind) return;
    let count = 0;
    this.#places = needed.map((is) => (is ? count++ : -1));
    this.#engine.reserveSlots(count);
    this.#kind = kind;
    this.reset(type.initial?.(optimizer) ?? 0);
  }

  /** Forgets all steps. */
  reset(initial = 0): void {
    this.steps = 0;
    for (let k = 0; k < this.count; k++) this.slot(k).fill(initial);
  }

  /** The numbers of slot k, as a view. */
  slot(k: number): Float32Array {
    return this.#engine.core.view(this.#engine.slot(k), this.#engine.blockSize);
  }

  /** One step from the gradients. */
  step(optimizer: Optimizer, rate: number): void {
    this.use(optimizer);
    const { core, values, gradients, blockSize } = this.#engine;
    this.steps++;
    const block = { functions: core.functions, values, gradients, size: blockSize, step: this.steps, rate };
    const slots = this.#places.map((place) => (place < 0 ? 0 : this.#engine.slot(place)));
    optimizerTypes[optimizer.type].step(block, optimizer, slots);
    this.#engine.valuesChanged();
  }
}
