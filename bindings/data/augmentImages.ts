import { tensor } from "../tensor.ts";
import { expectInteger, expectNumber, expectOptions, expectRange } from "../validate.ts";
import { readFeatures, type Augmentation, type TrainingBatch } from "./augment.ts";
import type { Random } from "./random.ts";

export interface ImageOptions {
  /** Rows of an image. Default the time of inputs [batch, time, features]: the image is read row by row. */
  readonly height?: number;
  /** Pixels of a row. Default the features of inputs [batch, time, features]. */
  readonly width?: number;
  /** What stands where nothing of the image is. Default 0. */
  readonly fill?: number;
}

export interface ImageShiftOptions extends ImageOptions {
  /** The most by which an image is moved, up, down, left or right. Default 2. */
  readonly pixels?: number;
}

export interface ImageRotateOptions extends ImageOptions {
  /** The most by which an image is turned, to either side, up to 180. Default 10. */
  readonly degrees?: number;
}

/**
 * Each image moved by whole pixels, as many to each side as likely. Images are inputs [batch, height, width], or any inputs of
 * height × width numbers, or of that times the channels, an example.
 */
export function imageShift(options: ImageShiftOptions = {}): Augmentation {
  const { pixels = 2, ...image } = options;
  expectInteger("pixels", pixels, 0);
  return changeImages("imageShift", ["pixels"], options, image, (to, from, layout, random) => {
    const dy = random.integer(2 * pixels + 1) - pixels;
    const dx = random.integer(2 * pixels + 1) - pixels;
    drawPixels(to, layout, (y, x, channel) => pixelAt(from, layout, y - dy, x - dx, channel));
  });
}

/** Each image turned about its middle, pixels interpolated between the four nearest. Images as in `imageShift`. */
export function imageRotate(options: ImageRotateOptions = {}): Augmentation {
  const { degrees = 10, ...image } = options;
  expectNumber("degrees", degrees, 0, 180);
  return changeImages("imageRotate", ["degrees"], options, image, (to, from, layout, random) => {
    const { sin, cos } = turn(random.uniform(-degrees, degrees));
    const [middleY, middleX] = [(layout.height - 1) / 2, (layout.width - 1) / 2];
    drawPixels(to, layout, (y, x, channel) => {
      const [down, right] = [y - middleY, x - middleX];
      const sourceY = middleY + cos * down - sin * right;
      const sourceX = middleX + sin * down + cos * right;
      return between(from, layout, sourceY, sourceX, channel);
    });
  });
}

interface ImageLayout {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly fill: number;
}

function changeImages(
  where: string,
  known: readonly string[],
  options: ImageOptions,
  { height, width, fill = 0 }: ImageOptions,
  change: (to: Float32Array, from: Float32Array, layout: ImageLayout, random: Random) => void,
): Augmentation {
  expectOptions(where, options, [...known, "height", "width", "fill"]);
  if (height !== undefined) expectInteger("height", height, 1);
  if (width !== undefined) expectInteger("width", width, 1);
  expectNumber("fill", fill);
  return (batch, random) => {
    const { data, B } = readFeatures(batch);
    const layout = layoutOf(batch, height, width, fill);
    const size = data.length / B;
    const changed = new Float32Array(data.length);
    for (let from = 0; from < data.length; from += size) {
      change(changed.subarray(from, from + size), data.subarray(from, from + size), layout, random);
    }
    return { ...batch, inputs: tensor(changed, batch.inputs.shape) };
  };
}

function layoutOf(
  { inputs: { shape }, lengths }: TrainingBatch,
  givenHeight: number | undefined,
  givenWidth: number | undefined,
  fill: number,
): ImageLayout {
  expectRange(lengths === undefined, "lengths", "none, because images are all of one size", lengths);
  const isRows = shape.length === 3;
  const height = givenHeight ?? (isRows ? shape[1]! : undefined);
  const width = givenWidth ?? (isRows ? shape[2]! : undefined);
  expectRange(height !== undefined, "height", "the rows of an image, because the inputs have no time", height);
  expectRange(width !== undefined, "width", "the pixels of a row, because the inputs have no time", width);
  const size = shape.slice(1).reduce((a, b) => a * b, 1);
  const channels = size / (height * width);
  expectRange(Number.isInteger(channels), "inputs", `a multiple of ${height} × ${width} numbers an example`, size);
  return { height, width, channels, fill };
}

function drawPixels(
  to: Float32Array,
  { height, width, channels }: ImageLayout,
  pixel: (y: number, x: number, channel: number) => number,
): void {
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++)
      for (let channel = 0; channel < channels; channel++) to[at++] = pixel(y, x, channel);
  }
}

function pixelAt(from: Float32Array, layout: ImageLayout, y: number, x: number, channel: number): number {
  const { height, width, channels, fill } = layout;
  const inside = y >= 0 && y < height && x >= 0 && x < width;
  return inside ? from[(y * width + x) * channels + channel]! : fill;
}

/** Bilinear. */
function between(from: Float32Array, layout: ImageLayout, y: number, x: number, channel: number): number {
  const [top, left] = [Math.floor(y), Math.floor(x)];
  const [v, u] = [y - top, x - left];
  const row = (at: number) =>
    (1 - u) * pixelAt(from, layout, at, left, channel) + u * pixelAt(from, layout, at, left + 1, channel);
  return (1 - v) * row(top) + v * row(top + 1);
}

/**
 * Sine and cosine of an angle in degrees by their series, for which the angle is brought to ±45°: the last term left out is below
 * 1e-16. Made of +, − and × alone, so the same bits everywhere.
 */
export function turn(degrees: number): { readonly sin: number; readonly cos: number } {
  const quarters = Math.round(degrees / 90);
  const x = (degrees - 90 * quarters) * (Math.PI / 180);
  let [sin, cos, term] = [0, 0, 1];
  for (let n = 0; n <= 16; n += 2) {
    cos += term; // ± xⁿ / n!
    term *= x / (n + 1);
    sin += term;
    term *= -x / (n + 2);
  }
  for (let k = ((quarters % 4) + 4) % 4; k > 0; k--) [sin, cos] = [cos, -sin];
  return { sin, cos };
}
