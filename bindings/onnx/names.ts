/** The names that a network gives its layers: their own, or the type, numbered from the second of it on. */
export function layerNamesOf(layers: readonly { readonly type: string; readonly name?: string }[]): string[] {
  const seen = new Map<string, number>();
  return layers.map(({ type, name }) => {
    if (name !== undefined) return name;
    const count = seen.get(type) ?? 0;
    seen.set(type, count + 1);
    return count === 0 ? type : `${type}_${count}`;
  });
}

/** The name of a layer's parameter in a network. */
export function parameterName(layer: string, parameter: string): string {
  return layer === "" ? parameter : `${layer}.${parameter}`;
}
