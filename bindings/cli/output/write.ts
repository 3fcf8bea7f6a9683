/** Rows of results on the standard output, as CSV (RFC 4180) or JSON lines. */

/** A field; only JSON has objects. */
export type Value = string | number | Readonly<Record<string, number>>;

/** Writes rows with the same names in each; CSV has a header before the first. */
export function rowWriter(asJson: boolean): (row: Readonly<Record<string, Value>>) => string {
  let begun = false;
  return (row) => {
    if (asJson) return `${JSON.stringify(row)}\n`;
    const header = begun ? "" : `${Object.keys(row).map(field).join(",")}\n`;
    begun = true;
    return `${header}${Object.values(row).map(field).join(",")}\n`;
  };
}

function field(value: Value): string {
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A number of 32 bits with the digits that it has. */
export function float(x: number): number {
  return Number(x.toPrecision(7));
}

/** Writes text to the standard output, and waits until there is room for more. @returns whether anybody reads on */
export async function write(text: string): Promise<boolean> {
  const { stdout } = process;
  if (stdout.destroyed || stdout.writableEnded) return false;
  if (stdout.write(text)) return true;
  await new Promise<void>((resolve) => {
    const done = () => {
      stdout.off("drain", done).off("close", done).off("error", done);
      resolve();
    };
    stdout.once("drain", done).once("close", done).once("error", done);
  });
  return !stdout.destroyed;
}
