import type { Engine } from "./engine.ts";
import { NumericError } from "./errors.ts";

/** Clips and returns the norm from before. @throws NumericError that names the first parameter that is not finite */
export function clipGradients(
  { core, gradients, blockSize, parameters }: Engine,
  { clipNorm, clipValue }: { readonly clipNorm?: number; readonly clipValue?: number },
  steps: number,
): number {
  const { sumSquares, clampArray, scale, firstNotFinite } = core.functions;
  const norm = Math.sqrt(sumSquares(gradients, blockSize));
  if (!Number.isFinite(norm)) {
    const at = parameters.find(({ gradient, size }) => firstNotFinite(gradient, size) >= 0)?.name ?? "";
    throw notFinite(`the gradient of "${at}"`, at, steps);
  }
  if (clipValue !== undefined) clampArray(gradients, clipValue, blockSize);
  if (clipNorm !== undefined) {
    // PyTorch's clip_grad_norm_
    const now = clipValue === undefined ? norm : Math.sqrt(sumSquares(gradients, blockSize));
    const factor = clipNorm / (now + 1e-6);
    if (factor < 1) scale(gradients, factor, blockSize);
  }
  return norm;
}

/** The error of a step that cannot be made. */
export function notFinite(what: string, at: string, steps: number): NumericError {
  const cure = "the step is not applied; use a lower learning rate, clipNorm, or scaled inputs";
  return new NumericError(`${what} is not finite at step ${steps + 1}: ${cure}`, steps, at);
}
