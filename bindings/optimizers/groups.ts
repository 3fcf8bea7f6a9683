import type { Engine } from "../engine.ts";
import type { ParameterBlock } from "../layers/layer.ts";
import { expectBoolean, expectNumber, expectOptions, expectRange, expectType, show } from "../validate.ts";

/** Some of a network's parameters, which are trained otherwise than the rest. */
export interface ParameterGroup {
  /**
   * Which: the name of a parameter, or what comes before a dot in it ("lstm" for all of that layer), a regular expression that
   * is looked for in the name, or a list of these.
   */
  readonly match: string | RegExp | readonly (string | RegExp)[];
  /** Instead of the optimizer's; a schedule works from it, and the option `learningRate` does not reach it. */
  readonly learningRate?: number;
  /** Instead of the optimizer's. */
  readonly weightDecay?: number;
  /** Instead of the option of that name. */
  readonly l1?: number;
  /** Not trained: no step, no penalty, no part in the gradient's norm. Default false. */
  readonly frozen?: boolean;
}

/** How parameters are trained; what is undefined is the optimizer's. */
interface Treatment {
  readonly learningRate: number | undefined;
  readonly weightDecay: number | undefined;
  readonly l1: number;
  readonly frozen: boolean;
}

/** Parameters one after another, `size` floats from `offset` on in the block of all, that are trained alike. */
export interface Region extends Treatment {
  readonly offset: number;
  readonly size: number;
}

type Own = Omit<ParameterGroup, "match">;

/** A group as it is compared with that of a checkpoint. */
interface GroupDescription extends Own {
  readonly parameters: readonly string[];
}

/** All parameters, trained alike: with what is behind them in the block, so that its size is a multiple of 4. */
export function wholeBlock(engine: Engine, l1 = 0): Region {
  return { offset: 0, size: engine.blockSize, learningRate: undefined, weightDecay: undefined, l1, frozen: false };
}

/**
 * The regions that groups make of a network's parameters, and their description.
 * @throws TypeError, RangeError when a group is wrong, matches nothing, or what another matches
 */
export function readGroups(
  engine: Engine,
  groups: readonly ParameterGroup[] | undefined,
  l1: number,
): { regions: readonly Region[]; description: readonly GroupDescription[] | undefined } {
  if (groups === undefined) return { regions: [wholeBlock(engine, l1)], description: undefined };
  expectType(
    Array.isArray(groups),
    "groups",
    'an array of groups such as { match: "embedding", frozen: true }',
    groups,
  );
  const rest: Treatment = { learningRate: undefined, weightDecay: undefined, l1, frozen: false };
  const treatments = new Map<string, Treatment>();
  const description = groups.map((group: ParameterGroup, k): GroupDescription => {
    const own = checkGroup(`groups[${k}]`, group);
    const parameters = matching(`groups[${k}].match`, group.match, engine.parameters);
    const taken = parameters.find((name) => treatments.has(name));
    if (taken !== undefined) throw new RangeError(`"groups[${k}].match" takes "${taken}", which is in a group before`);
    for (const name of parameters) treatments.set(name, { ...rest, ...own });
    return { parameters, ...own };
  });
  const regions = joinRegions(engine.parameters.map((one) => regionOf(one, treatments.get(one.name) ?? rest)));
  if (regions.every(({ frozen }) => frozen)) {
    throw new RangeError('"groups" freeze all parameters, and nothing is left to learn: leave some out');
  }
  return { regions, description };
}

/** What a group says of the training of its parameters. */
function checkGroup(where: string, group: ParameterGroup): Own {
  expectOptions(where, group, ["match", "learningRate", "weightDecay", "l1", "frozen"]);
  const { learningRate, weightDecay, l1, frozen = false } = group;
  const own = {
    ...(learningRate !== undefined && { learningRate: expectNumber(`${where}.learningRate`, learningRate, 0) }),
    ...(weightDecay !== undefined && { weightDecay: expectNumber(`${where}.weightDecay`, weightDecay, 0) }),
    ...(l1 !== undefined && { l1: expectNumber(`${where}.l1`, l1, 0) }),
  };
  if (!expectBoolean(`${where}.frozen`, frozen)) return own;
  if (Object.keys(own).length === 0) return { frozen };
  throw new RangeError(`"${where}" is frozen: leave out what else is said of its training`);
}

/** Names of the parameters that a group takes. */
function matching(where: string, match: ParameterGroup["match"], parameters: readonly ParameterBlock[]): string[] {
  const list = (Array.isArray(match) ? match : [match]) as readonly (string | RegExp)[];
  expectRange(list.length > 0, where, "a name, a regular expression, or a list of them", match);
  const names = parameters.map(({ name }) => name);
  const taken = new Set<string>();
  for (const one of list) {
    expectType(typeof one === "string" || one instanceof RegExp, where, "a name or a regular expression", one);
    const found = names.filter((name) => {
      if (typeof one !== "string") return name.search(one) >= 0;
      return name === one || (one !== "" && name.startsWith(`${one}.`));
    });
    if (found.length === 0) {
      const what = typeof one === "string" ? show(one) : String(one);
      throw new RangeError(`"${where}": no parameter is called ${what}; there are ${names.join(", ")}`);
    }
    for (const name of found) taken.add(name);
  }
  return names.filter((name) => taken.has(name));
}

function regionOf({ offset, size }: ParameterBlock, treatment: Treatment): Region {
  return { offset, size, ...treatment };
}

/** Neighbours that are trained alike are one region. */
function joinRegions(regions: readonly Region[]): readonly Region[] {
  const joined: Region[] = [];
  for (const region of regions) {
    const before = joined[joined.length - 1];
    if (before && isAlike(before, region)) joined[joined.length - 1] = { ...before, size: before.size + region.size };
    else joined.push(region);
  }
  return joined;
}

function isAlike(a: Treatment, b: Treatment): boolean {
  return (["learningRate", "weightDecay", "l1", "frozen"] as const).every((key) => a[key] === b[key]);
}
