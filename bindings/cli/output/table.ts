/** A table for people: the first column to the left, the others, which are numbers, to the right. */
export function table(rows: readonly (readonly string[])[], align: readonly ("left" | "right")[] = ["left"]): string {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, column) => Math.max(most[column] ?? 0, cell.length)),
    [],
  );
  const pad = (cell: string, column: number) => {
    const side = align[column] ?? "right";
    return side === "left" ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!);
  };
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

/** What has been measured: as JSON, and as text for people. */
export interface Report {
  readonly values: Readonly<Record<string, unknown>>;
  readonly text: string;
}

/** Four digits that count: 0.1234, 12.34, 1234. */
export function formatNumber(x: number): string {
  if (!Number.isFinite(x)) return "–";
  if (x === 0) return "0";
  const size = Math.abs(x);
  return size >= 1e6 || size < 1e-4 ? x.toExponential(2) : x.toFixed(Math.max(0, 3 - magnitudeOf(size)));
}

/** Where the first digit of a number stands: 0 for ones, 1 for tens, −1 for tenths. */
function magnitudeOf(size: number): number {
  return Number(size.toExponential().split("e")[1]);
}

/** 81.3 % */
export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
