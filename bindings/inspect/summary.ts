import type { NetworkConfig } from "../config.ts";
import type { Engine } from "../engine.ts";

/** What goes in, in words. */
export function inputText(input: NetworkConfig["input"]): string {
  return "tokens" in input ? `tokens below ${input.tokens}` : `${input.features} features`;
}

/** A table of the layers: name, what comes out, number of parameters. */
export function summary(engine: Engine, input: string): string {
  const number = new Intl.NumberFormat("en-US"); // made here: it takes milliseconds
  const rows = engine.layers.map(({ name, output }, i) => {
    const own = engine.parameters.filter(({ layer }) => layer === i);
    const count = own.reduce((sum, { size }) => sum + size, 0);
    const kind = output.time === "input" ? engine.inputTime : output.time;
    const time = kind === "sequence" ? ["time"] : kind === "vector" ? [] : ["…"];
    return [name, `[${["batch", ...time, output.size].join(", ")}]`, number.format(count)] as const;
  });
  const total = engine.parameters.reduce((sum, { size }) => sum + size, 0);
  const table = [["layer", "output", "parameters"] as const, ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]!.length)));
  const line = ([a, b, c]: readonly [string, string, string]) =>
    `${a.padEnd(widths[0]!)}  ${b.padEnd(widths[1]!)}  ${c.padStart(widths[2]!)}`;
  return [`input: ${input}`, ...table.map(line), `${number.format(total)} parameters, ${size(total * 4)}`].join("\n");
}

function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
