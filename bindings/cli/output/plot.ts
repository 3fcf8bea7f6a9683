/** Pictures for --plot. What draws them is large and has a file of its own, which is loaded when there is something to draw. */

import { writeFile } from "../input/files.ts";
import type { Picture } from "./draw.ts";

export async function writePlot(file: string, picture: Picture): Promise<void> {
  const { draw } = await import("./draw.ts");
  writeFile(file, new TextEncoder().encode(draw(picture)));
}
