/** The times that follow those of a column: numbers, or ISO 8601 dates with or without the time of day. */

const DAY = 86_400_000;
const ISO = /^\d{4}(-\d\d(-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?$/;

/** The next `count` times; undefined where the times do not go on evenly. */
export function continueTimes(times: readonly string[], count: number): readonly string[] | undefined {
  const known = times.slice(-32).map((time) => time.trim()); // what was long ago does not matter
  if (known.length < 2) return undefined;
  const numbers = known.map((time) => (time === "" ? NaN : Number(time)));
  if (numbers.every(Number.isFinite)) return evenly(numbers, count)?.map((x) => String(Number(x.toPrecision(12))));
  if (!known.every((time) => ISO.test(time) && time.length === known[0]!.length)) return undefined;
  return byMonth(known, count) ?? byClock(known, count);
}

/** On from the last by the distance that all neighbours have, within a rounding. */
function evenly(numbers: readonly number[], count: number): number[] | undefined {
  const [last, before] = [numbers.at(-1)!, numbers.at(-2)!];
  const step = last - before;
  const isEven = numbers.every((x, i) => i === 0 || Math.abs(x - numbers[i - 1]! - step) <= 1e-6 * Math.abs(step));
  return isEven && step !== 0 ? Array.from({ length: count }, (_, i) => last + (i + 1) * step) : undefined;
}

/** Dates of the same day in each month, quarter or year. */
function byMonth(times: readonly string[], count: number): string[] | undefined {
  const form = /^(\d{4})(?:-(\d\d)(-\d\d)?)?$/;
  const parts = times.map((time) => form.exec(time));
  const ends = new Set(parts.map((part) => part?.[3] ?? ""));
  if (!parts.every((part) => part !== null) || ends.size > 1) return undefined;
  const months = parts.map((part) => 12 * Number(part[1]) + Number(part[2] ?? 1) - 1);
  const [end] = ends;
  return evenly(months, count)?.map((month) => {
    const year = String(Math.floor(month / 12)).padStart(4, "0");
    return parts[0]![2] === undefined ? year : `${year}-${String((month % 12) + 1).padStart(2, "0")}${end!}`;
  });
}

/** In the form of the last: the offset from UTC is kept. */
function byClock(times: readonly string[], count: number): string[] | undefined {
  const zone = /(Z|[+-]\d\d:?\d\d)$/.exec(times.at(-1)!.slice(10))?.[0] ?? "";
  const local = times.map((time) =>
    Date.parse(`${time.slice(0, time.length - zone.length).replace(" ", "T")}${time.length > 10 ? "Z" : ""}`),
  );
  const separator = times[0]![10] ?? "";
  const length = times[0]!.length - zone.length;
  if (times.some((time) => !time.endsWith(zone))) return undefined;
  const step = local.at(-1) - local.at(-2);
  if (step % DAY !== 0 && length <= 10) return undefined;
  return evenly(local, count)?.map((ms) => {
    const text = new Date(ms).toISOString().slice(0, length);
    return text.slice(0, 10) + (length > 10 ? separator + text.slice(11) : "") + zone;
  });
}
