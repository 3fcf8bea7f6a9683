/** Where a training is, out of the metadata of a checkpoint. */

import { formatLoss } from "./progress.ts";
import { countOf } from "../output/text.ts";

/** Under this key `Trainer.checkpoint()` keeps it. */
const KEY = "unrolled.training";

/** A paragraph about the training that metadata tell of; none if they tell of none. */
export function describeTraining(metadata: Readonly<Record<string, string>>): string[] {
  const text = metadata[KEY];
  if (text === undefined) return [];
  const { epoch, batch, steps, setup, fit } = parseObject(text);
  const [epochs, next, all] = [epoch, batch, steps].map(Number);
  const lines = [
    `training: ${countOf(epochs!, "epoch")} complete, ${countOf(next!, "step")} of the next; ${countOf(all!, "step")} in all`,
    `optimizer: ${describeOptimizer(setup)}`,
    ...describeLosses(fit),
  ];
  return [lines.join("\n")];
}

/** The optimizer is kept as JSON in itself. */
function describeOptimizer(setup: unknown): string {
  const { type, ...options } = parseObject(String(objectOf(setup).optimizer));
  const values = Object.entries(options).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return [String(type), ...values].join(", ");
}

function describeLosses(fit: unknown): string[] {
  const history = objectOf(objectOf(fit).history);
  const [loss, heldOut] = [lastOf(history.loss), lastOf(history.validationLoss)];
  if (loss === undefined) return [];
  const validation = heldOut === undefined ? "" : `, held out ${formatLoss(heldOut)}`;
  return [`loss of the last epoch, in nats: ${formatLoss(loss)}${validation}`];
}

// ---- JSON of a file that nobody vouches for

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return objectOf(JSON.parse(text));
  } catch {
    return {};
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function lastOf(list: unknown): number | undefined {
  const last: unknown = Array.isArray(list) ? list.at(-1) : undefined;
  return typeof last === "number" ? last : undefined;
}
