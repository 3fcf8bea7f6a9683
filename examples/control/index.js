// Control: an Elman network balances a pole on a cart without seeing how fast they move, learnt backwards through the physics.
import { adam, dense, elman, Network, Random, tensor } from "unrolled";
import { heading, quick, report, table } from "../common.js";

/** @import { LayerDescription, Tensor } from "unrolled" */

// ---- the task: a cart on a track of ± 2.4 m, a pole of 1 m that must stay within 12° (Barto, Sutton & Anderson 1983)

const most = 1000; // steps of 1/50 s
const [gravity, cartMass, poleMass, halfLength, strength, dt] = [9.8, 1, 0.1, 0.5, 10, 0.02];
const sizes = [2.4, 2, (12 * Math.PI) / 180, 2]; // of a state's numbers: the cart falls off at the first, the pole at the third

/** Place and speed of the cart, angle and speed of the pole. @typedef {number[]} State */

/** The state 1/50 s after, when the cart is pushed by a share of 10 N. @param {State} state @param {number} push @returns {State} */
function move([x, dx, angle, dAngle], push) {
  const [sin, cos, mass] = [Math.sin(angle), Math.cos(angle), cartMass + poleMass];
  const pushed = (push * strength + poleMass * halfLength * dAngle * dAngle * sin) / mass;
  const turn = (gravity * sin - cos * pushed) / (halfLength * (4 / 3 - (poleMass * cos * cos) / mass));
  const gain = pushed - (poleMass * halfLength * turn * cos) / mass;
  return [x + dt * dx, dx + dt * gain, angle + dt * dAngle, dAngle + dt * turn];
}

/** @param {State} state @param {number} k which of its numbers @param {number} d */
const moved = (state, k, d) => state.map((x, i) => (i === k ? x + d : x));

const stands = (/** @type {State} */ [x, , angle]) => Math.abs(x) < sizes[0] && Math.abs(angle) < sizes[2];

/** @param {Random} random @param {number} count @returns {State[]} */
const randomStarts = (random, count) =>
  Array.from({ length: count }, () => [1, 0.3, 0.1, 0.3].map((limit) => random.uniform(-limit, limit)));

/** What a controller sees: of each cart some numbers of its state, each about 1 in size. @param {State[]} states @param {number[]} seen @returns {Tensor} */
function look(states, seen) {
  const numbers = states.flatMap((state) => seen.map((k) => state[k] / sizes[k]));
  return tensor(Float32Array.from(numbers), [states.length, 1, seen.length]);
}

// ---- learning: the gradient of the cost goes back through the carts and through the network, step by step, as in one long network

/** How much a state costs, and the gradient of that. */
const weights = [0.3, 0, 1, 0.02];
const cost = (/** @type {State} */ state) => state.reduce((sum, x, k) => sum + weights[k] * (x / sizes[k]) ** 2, 0);
const costGradient = (/** @type {State} */ state) => state.map((x, k) => (2 * weights[k] * x) / sizes[k] ** 2);

/** Gradient by the state and by the push, from that by the state after, by differences. @param {State} state @param {number} push @param {number[]} gradient */
function moveBackward(state, push, gradient) {
  const by = (/** @type {(d: number) => State} */ after) => {
    const [more, less] = [after(1e-4), after(-1e-4)];
    return gradient.reduce((sum, g, k) => sum + (g * (more[k] - less[k])) / 2e-4, 0);
  };
  return {
    gradState: state.map((_, k) => by((d) => move(moved(state, k, d), push))),
    gradPush: by((d) => move(state, push + d)),
  };
}

/**
 * @param {readonly LayerDescription[]} layers
 * @param {number[]} seen the numbers of the state that it sees
 * @param {number} iterations
 */
function learn(layers, seen, iterations) {
  const net = new Network({ input: { features: seen.length }, layers, seed: 1 });
  console.log(net.summary());
  const random = new Random(7);
  const [carts, began] = [32, performance.now()];
  for (let iteration = 1; iteration <= iterations; iteration++) {
    const steps = Math.min(20 + Math.floor(iteration / 2), 120); // a longer way as it gets better
    // Forward: what was seen, the network's states and the pushes of each step are kept.
    let states = randomStarts(random, carts);
    let memory = new Float32Array(carts * net.states.reduce((sum, { units }) => sum + units, 0));
    const course = Array.from({ length: steps }, () => {
      const { output, state } = net.forward(look(states, seen), { state: memory });
      const step = { states, memory, pushes: output.data, isUp: states.map(stands) };
      memory = Float32Array.from(state);
      states = states.map((one, i) => (step.isUp[i] ? move(one, step.pushes[i]) : one));
      return { ...step, after: states };
    });
    // Backward: each step is run again for what the network's backward pass needs.
    net.zeroGrad();
    let gradStates = states.map(() => [0, 0, 0, 0]);
    let gradMemory = new Float32Array(memory.length);
    let total = 0;
    for (const { states, memory, pushes, isUp, after } of [...course].reverse()) {
      const gradients = states.map((state, i) => {
        if (!isUp[i]) return { gradState: [0, 0, 0, 0], gradPush: 0 };
        total += cost(after[i]);
        const own = costGradient(after[i]);
        return moveBackward(
          state,
          pushes[i],
          gradStates[i].map((g, k) => g + own[k]),
        );
      });
      net.forward(look(states, seen), { state: memory, training: true });
      const gradOutput = tensor(
        Float32Array.from(gradients, ({ gradPush }) => gradPush),
        [carts, 1, 1],
      );
      const { gradInput, gradState } = net.backward(gradOutput, { gradState: gradMemory });
      gradMemory = Float32Array.from(gradState);
      gradStates = gradients.map(({ gradState }, i) => {
        seen.forEach((k, s) => (gradState[k] += (gradInput?.data[i * seen.length + s] ?? 0) / sizes[k]));
        return gradState;
      });
    }
    net.clipGradNorm(1); // so that the number of carts and steps does not matter
    net.step(adam(), { learningRate: 0.01 * Math.max(0.05, 1 - iteration / iterations) });
    if (iteration % (iterations / 5) === 0) {
      const up = course[steps - 1].after.filter(stands).length;
      const seconds = ((performance.now() - began) / 1000).toFixed(1);
      console.log(
        `iteration ${iteration}: cost ${(total / carts / steps).toFixed(3)} a step, ${up} of ${carts} stand after ${steps} steps, ${seconds} s`,
      );
    }
  }
  return net;
}

const iterations = quick ? 100 : 500;
heading("Elman network, which sees place and angle");
const recurrent = learn([elman(16), dense(1, { activation: "tanh" })], [0, 2], iterations);
heading("linear controller, which sees the same");
const linear = learn([dense(1, { activation: "tanh" })], [0, 2], iterations);
heading("linear controller, which sees the speeds too");
const seeing = learn([dense(1, { activation: "tanh" })], [0, 1, 2, 3], iterations);

// ---- result: from starts that were not learnt from

const starts = randomStarts(new Random(99), 100);
const mean = (/** @type {number[]} */ numbers) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

/** Steps that the pole stays up from each start. @param {(states: State[]) => ArrayLike<number>} controller */
function balance(controller) {
  const steps = starts.map(() => 0);
  let states = starts;
  for (let t = 0; t < most; t++) {
    const pushes = controller(states);
    states = states.map((state, i) => {
      if (!stands(state)) return state;
      steps[i]++;
      return move(state, pushes[i]);
    });
  }
  return steps;
}
/** @param {Network} net @param {number[]} seen */
function streamed(net, seen) {
  const stream = net.stream({ batch: starts.length });
  return balance((states) => stream.step(look(states, seen).data));
}
const random = new Random(5);
const steps = {
  "Elman network": streamed(recurrent, [0, 2]),
  "linear controller": streamed(linear, [0, 2]),
  "linear controller, sees the speeds": streamed(seeing, [0, 1, 2, 3]),
  "pushes at random": balance((states) => random.normals(states.length).map(Math.sign)),
};
heading(`steps balanced from ${starts.length} new starts, at most ${most}`);
console.log(
  table([
    ["", "mean", "least", "to the end"],
    ...Object.entries(steps).map(([name, all]) => {
      const whole = all.filter((n) => n === most).length;
      return [name, mean(all).toFixed(0), String(Math.min(...all)), `${whole} %`];
    }),
  ]),
);

heading("one of them");
let state = starts[0];
const stream = recurrent.stream();
for (let t = 0; t <= 500 && stands(state); t++) {
  if (t % 50 === 0) {
    const lean = state[2] < -0.02 ? "\\" : state[2] > 0.02 ? "/" : "|";
    const drawn = " ".repeat(Math.round((state[0] / sizes[0] + 1) * 30)) + lean;
    console.log(`${(t * dt).toFixed(1)} s  ${drawn.padEnd(62)}${((state[2] * 180) / Math.PI).toFixed(1)}°`);
  }
  state = move(state, stream.step(look([state], [0, 2]).data)[0]);
}

report("a simulated cart and pole, the speeds hidden", [
  {
    measure: `steps balanced, of ${most}`,
    reached: mean(steps["Elman network"]),
    atLeast: quick ? 400 : 900,
    baseline: ["linear controller", mean(steps["linear controller"])],
    digits: 0,
  },
]);
