import { whole } from "../whole.ts";

/** Why layers cannot go one step at a time; undefined when they can. */
export function whyNotStepwise(layers: readonly { readonly type: string }[]): string | undefined {
  for (const layer of layers) {
    if (layer.type === "repeat") return "repeat() makes many steps of one";
    if ("bidirectional" in layer && layer.bidirectional) return "a bidirectional layer needs the end first";
    if (whole && "reverse" in layer && layer.reverse) return "a reverse layer needs the end first";
  }
  return undefined;
}
