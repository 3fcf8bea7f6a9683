/** Numbers for people. */

const whole = new Intl.NumberFormat("en-US");

/** 12,345 */
export function formatCount(n: number): string {
  return whole.format(n);
}

/** "1 step", "12,345 steps" */
export function countOf(n: number, one: string, many = `${one}s`): string {
  return `${formatCount(n)} ${n === 1 ? one : many}`;
}

/** 950 bytes, 12.3 kB, 4.5 MB */
export function formatBytes(n: number): string {
  if (n < 1e3) return countOf(n, "byte");
  return n < 999_950 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

/** Four characters or so: 950, 9.5k, 45k, 1.2M. */
export function formatRate(perSecond: number): string {
  if (perSecond < 999.5) return perSecond.toFixed(0);
  const [value, unit] = perSecond < 999_500 ? [perSecond / 1e3, "k"] : [perSecond / 1e6, "M"];
  return `${value.toFixed(value < 9.95 ? 1 : 0)}${unit}`;
}

/** The two largest units: 45s, 1m20s, 2h05m, 3d04h. */
export function formatDuration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return inUnits(s, 60, "m", "s");
  const minutes = Math.round(s / 60);
  if (minutes < 1440) return inUnits(minutes, 60, "h", "m");
  return inUnits(Math.round(minutes / 60), 24, "d", "h");
}

function inUnits(n: number, size: number, large: string, small: string): string {
  return `${Math.floor(n / size)}${large}${String(n % size).padStart(2, "0")}${small}`;
}
