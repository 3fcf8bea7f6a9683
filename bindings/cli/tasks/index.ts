/** The tasks by what a file says: what `evaluate`, `inspect` and the commands of one task begin with. */

import { FormatError, Network } from "../../index.ts";
import { about } from "../errors.ts";
import { readBytes } from "../input/files.ts";
import { classifierOf } from "./labels.ts";
import { forecasterOf } from "./series.ts";
import type { TaskModel } from "./task.ts";
import { writerOf } from "./text.ts";

const opened = { text: writerOf, series: forecasterOf, labels: classifierOf };
const lacks = {
  text: "there is no tokenizer in the metadata, or it is of another network",
  series: "it is no model of a series",
  labels: "it is no model of labels",
};

type Tasks = { readonly [T in keyof typeof opened]: NonNullable<ReturnType<(typeof opened)[T]>> };

/** The model of the task of a network; undefined if it has none. @throws FormatError when what is kept of it is damaged */
export function modelOf(net: Network): TaskModel | undefined {
  return forecasterOf(net) ?? classifierOf(net) ?? writerOf(net);
}

/** The model in a file, of any task. @throws Error that names the file */
export function readModel(path: string): TaskModel {
  const bytes = readBytes(path);
  return about(path, () => {
    const model = modelOf(Network.load(bytes));
    if (model) return model;
    throw new FormatError("mismatch", 'there is no task in the metadata: give a model saved by "unrolled train"');
  });
}

/** The model in a file, of one task. @throws Error that names the file */
export function readModelOf<T extends keyof Tasks>(task: T, path: string): Tasks[T] {
  const bytes = readBytes(path);
  return about(path, () => {
    const net = Network.load(bytes);
    const model = opened[task](net);
    if (model) return model as Tasks[T];
    const other = modelOf(net)?.task;
    const cure = `give a model saved by "unrolled train ${task}"`;
    throw new FormatError("mismatch", `${lacks[task]}${other ? `, but one of ${other}` : ""}: ${cure}`);
  });
}
