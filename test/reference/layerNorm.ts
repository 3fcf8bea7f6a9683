/** Layer normalisation (Ba, Kiros & Hinton 2016) in plain f64, with PyTorch's definitions. */

type Vector = Float64Array;

/** x̂ of each row of F and 1/√(var + ε). */
function normalized(x: Vector, F: number, epsilon: number) {
  const scales = new Float64Array(x.length / F);
  const n = new Float64Array(x.length);
  for (let row = 0; row < scales.length; row++) {
    const own = x.subarray(row * F, (row + 1) * F);
    const mean = own.reduce((sum, v) => sum + v, 0) / F;
    const variance = own.reduce((sum, v) => sum + (v - mean) ** 2, 0) / F;
    scales[row] = 1 / Math.sqrt(variance + epsilon);
    n.set(
      own.map((v) => (v - mean) * scales[row]!),
      row * F,
    );
  }
  return { n, scales };
}

export function layerNorm(x: Vector, F: number, epsilon: number, weight?: Vector, bias?: Vector): Vector {
  const { n } = normalized(x, F, epsilon);
  return n.map((v, k) => v * (weight?.[k % F] ?? 1) + (bias?.[k % F] ?? 0));
}

export function layerNormBackward(x: Vector, F: number, epsilon: number, dY: Vector, weight?: Vector) {
  const { n, scales } = normalized(x, F, epsilon);
  const grads = { input: new Float64Array(x.length), weight: new Float64Array(F), bias: new Float64Array(F) };
  dY.forEach((d, k) => {
    grads.weight[k % F]! += d * n[k]!;
    grads.bias[k % F]! += d;
  });
  const dN = dY.map((d, k) => d * (weight?.[k % F] ?? 1));
  scales.forEach((scale, row) => {
    const own = dN.subarray(row * F, (row + 1) * F);
    const mean = own.reduce((sum, d) => sum + d, 0) / F;
    const slope = own.reduce((sum, d, i) => sum + d * n[row * F + i]!, 0) / F;
    own.forEach((d, i) => (grads.input[row * F + i] = scale * (d - mean - n[row * F + i]! * slope)));
  });
  return grads;
}
