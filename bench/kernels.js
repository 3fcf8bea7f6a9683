import { expectSame } from "./check.js";
import { features } from "./data.js";
import { measure, paces } from "./measure.js";
import { line, milliseconds, percent, processorLine } from "./table.js";

/** @import { Processor } from "./processor.js" */
/** @import { Times } from "./measure.js" */

/**
 * A kernel of the core over given sizes. `work`: floating-point operations of a call, or elements.
 * @typedef {{ name: string, sizes: string, work: number, run: () => void, check: () => void }} Kernel
 */

const FIRST = 1 << 20;
const TOLERANCE = 1e-4;
/** @type {(n: number) => number} */
const padded = (n) => Math.ceil(n / 4) * 4;

/** The exports of the core, and its memory in pieces. */
class Memory {
  /** @type {typeof import("../build/core.js").__AdaptedExports} */
  functions;
  #floats;
  #next = FIRST;

  /** @param {Uint8Array<ArrayBuffer>} bytes of core.wasm */
  constructor(bytes) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { abort() {} } });
    const memory = /** @type {WebAssembly.Memory} */ (exports.memory);
    memory.grow(800);
    this.#floats = new Float32Array(memory.buffer);
    this.functions = /** @type {typeof this.functions} */ (/** @type {unknown} */ (exports));
  }

  /** The address of a copy. A few lines more than needed, so that pieces do not start at the same place of a page. */
  place(/** @type {Float32Array} */ values) {
    const at = this.#next;
    this.#floats.set(values, at / 4);
    this.#next += values.byteLength + 64 * 37 - (values.byteLength % 64);
    return at;
  }

  /** @param {number} at @param {number} n */
  view(at, n) {
    return this.#floats.subarray(at / 4, at / 4 + n);
  }

  /** Everything that was placed is forgotten. */
  clear() {
    this.#next = FIRST;
  }
}

/** C (M, N) = A (M, K)·B (K, N). @type {(memory: Memory, M: number, N: number, K: number) => Kernel} */
function product(memory, M, N, K) {
  const { matmul, packTransposed } = memory.functions;
  const [a, w] = [features(M * K, 1), features(N * K, 2)];
  const [atA, atW] = [memory.place(a), memory.place(w)];
  const [panels, c] = [memory.place(w), memory.place(new Float32Array(M * N))];
  packTransposed(panels, atW, 1, N, K);
  const run = () => matmul(c, N, 0, 0, atA, K, panels, M, N, K);
  return {
    ...{ name: M === 1 ? "product, one row" : "product", sizes: `M=${M} N=${N} K=${K}`, work: 2 * M * N * K, run },
    check() {
      run();
      const expected = Float64Array.from({ length: M * N }, (_, at) => {
        const [i, j] = [Math.floor(at / N), at % N];
        let sum = 0;
        for (let k = 0; k < K; k++) sum += Number(a[i * K + k]) * Number(w[j * K + k]);
        return sum;
      });
      expectSame("product", memory.view(c, M * N), expected, TOLERANCE * Math.sqrt(K));
    },
  };
}

/** dW (H, N) += dyᵀ·x. @type {(memory: Memory, H: number, N: number, rows: number) => Kernel} */
function gradient(memory, H, N, rows) {
  const { weightGradient, weightGradientScratch, zero } = memory.functions;
  const [dy, x] = [features(rows * padded(H), 1), features(rows * padded(N), 2)];
  const [atDy, atX, dW] = [memory.place(dy), memory.place(x), memory.place(new Float32Array(H * N))];
  const scratch = memory.place(new Float32Array(weightGradientScratch(1, H, N, 0)));
  const run = () => weightGradient(dW, atX, padded(N), N, 0, 0, 0, 0, atDy, padded(H), scratch, 1, H, rows);
  return {
    ...{ name: "weight gradient", sizes: `${H}×${N}, ${rows} rows`, work: 2 * H * N * rows, run },
    check() {
      zero(dW, H * N);
      run();
      const expected = Float64Array.from({ length: H * N }, (_, at) => {
        const [m, n] = [Math.floor(at / N), at % N];
        let sum = 0;
        for (let row = 0; row < rows; row++) sum += Number(dy[row * padded(H) + m]) * Number(x[row * padded(N) + n]);
        return sum;
      });
      expectSame("weight gradient", memory.view(dW, H * N), expected, TOLERANCE * Math.sqrt(rows));
    },
  };
}

/** @type {(memory: Memory, name: "sigmoid" | "tanh" | "exp", n: number, truth: (x: number) => number) => Kernel} */
function activation(memory, name, n, truth) {
  const x = features(n, 1).map((value) => 4 * value);
  const [atX, y] = [memory.place(x), memory.place(x)];
  const kernel = memory.functions[`${name}Array`];
  const run = () => kernel(y, atX, n);
  return {
    ...{ name, sizes: `${n} elements`, work: n, run },
    check() {
      run();
      expectSame(name, memory.view(y, n), Float64Array.from(x, truth), TOLERANCE * truth(4));
    },
  };
}

/** M N K @type {readonly (readonly [number, number, number])[]} */
const productSizes = [
  [1, 512, 128],
  [1, 1024, 256],
  [2, 512, 128],
  [4, 512, 128],
  [32, 512, 128],
  [1600, 512, 128],
  [32, 128, 512],
  [32, 1024, 256],
  [32, 64, 64],
  [32, 128, 32],
  [64, 128, 784],
  [32, 12, 128],
  [32, 8, 128],
  [32, 4, 128],
];
/** H N rows @type {readonly (readonly [number, number, number])[]} */
const gradientSizes = [
  [512, 128, 1600],
  [512, 64, 1600],
  [1024, 256, 1600],
  [128, 784, 64],
  [65, 128, 2048],
  [17, 17, 1600],
];
/** @type {(x: number) => number} */
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/** @param {Memory} memory @returns {(() => Kernel)[]} */
function products(memory) {
  return [
    ...productSizes.map((sizes) => () => product(memory, ...sizes)),
    ...gradientSizes.map((sizes) => () => gradient(memory, ...sizes)),
  ];
}

/** @param {Memory} memory @returns {(() => Kernel)[]} */
function activations(memory) {
  return [32, 256, 1024].flatMap((n) => [
    () => activation(memory, "sigmoid", n, sigmoid),
    () => activation(memory, "tanh", n, Math.tanh),
    () => activation(memory, "exp", n, Math.exp),
  ]);
}

/**
 * The kernels that take most of the time, alone: what they reach with everything else away.
 * @param {Uint8Array<ArrayBuffer>} core bytes of core.wasm
 * @param {boolean} quick
 * @param {Processor} processor
 * @param {(line: string) => void} print
 */
export async function runKernels(core, quick, processor, print) {
  await processor.start();
  const memory = new Memory(core);
  const pace = quick ? paces.quick : paces.short;
  /** @type {{ name: string, sizes: string, work: number, times: Times }[]} */
  const results = [];
  const widths = [18, 22, -10, -9, -9];
  /** @param {(() => Kernel)[]} creators @param {(work: number, ms: number) => [string, string]} show */
  const time = async (creators, show) => {
    for (const create of creators) {
      memory.clear();
      const { check, run, ...kernel } = create();
      check();
      const { run: times } = await measure({ run }, pace, () => processor.isCalm());
      results.push({ ...kernel, times });
      const [rate, mark] = [show(kernel.work, times.median), times.disturbed ? "~" : ""];
      print(line([kernel.name, kernel.sizes, milliseconds(times.median), rate[0], mark + rate[1]], widths));
    }
  };
  print(`\n${line(["", "", "ms", "GFLOP/s", "of P"], widths)}`);
  await time(products(memory), (work, ms) => {
    const gflops = work / ms / 1e6;
    return [gflops.toFixed(1), percent(gflops / processor.gigaflops)];
  });
  print(`\n${line(["", "", "ms", "", "ns each"], widths)}`);
  await time(activations(memory), (work, ms) => ["", ((1e6 * ms) / work).toFixed(2)]);
  print(`\n${processorLine(processor)}`);
  return results;
}
