import type { Example } from "../gestures.js";
import { labels } from "./classifier.ts";

export const limits = {
  bytes: 256 * 1024,
  /** Sequences to predict, or examples to learn from. */
  sequences: 64,
  /** Steps of a sequence, or of a stream in one request. */
  steps: 128,
  /** g. No sensor gives more, and numbers near the largest float would make the state NaN. */
  reading: 100,
  /** Optimizer steps in one request. A Worker's clock stands still while it computes, so its budget is counted in steps. */
  learn: 50,
};

/** What is wrong with a request, and the cure. */
export class RequestError extends Error {
  readonly status: number;
  readonly headers: Record<string, string>;

  constructor(status: number, message: string, headers: Record<string, string> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }

  toResponse(): Response {
    return Response.json({ error: this.message }, { status: this.status, headers: this.headers });
  }
}

/** The members of a request's JSON object, all of which must be among `known`. */
export async function readBody(request: Request, known: string[]): Promise<Record<string, unknown>> {
  const body = parse(await readText(request));
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new RequestError(422, `the body expected an object with ${quoted(known)}, got ${show(body)}`);
  }
  const unknown = Object.keys(body).find((key) => !known.includes(key));
  if (unknown !== undefined) throw new RequestError(422, `unknown member "${unknown}": give ${quoted(known)}`);
  return body as Record<string, unknown>;
}

async function readText({ body }: Request): Promise<string> {
  const decoder = new TextDecoder();
  let [text, size] = ["", 0];
  try {
    for await (const chunk of body ?? []) {
      size += chunk.length;
      if (size > limits.bytes)
        throw new RequestError(413, `a body has at most ${limits.bytes} bytes: send less at a time`);
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    if (error instanceof RequestError) throw error;
    throw new RequestError(400, "the body was cut off: send it again");
  }
  return text + decoder.decode();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new RequestError(400, "the body is not JSON: send an object such as in the README");
  }
}

export function expectSequences(name: string, value: unknown): number[][][] {
  return expectList(name, value, limits.sequences, "sequences").map((one, i) => expectSteps(`${name}[${i}]`, one));
}

export function expectSteps(name: string, value: unknown): number[][] {
  return expectList(name, value, limits.steps, "steps").map((step, t) => expectReading(`${name}[${t}]`, step));
}

function expectReading(name: string, value: unknown): number[] {
  const isReading = (x: unknown) => typeof x === "number" && Math.abs(x) <= limits.reading;
  if (Array.isArray(value) && value.length === 3 && value.every(isReading)) return value;
  throw wrong(name, `3 numbers from -${limits.reading} to ${limits.reading}`, value);
}

export function expectExamples(name: string, value: unknown): Example[] {
  return expectList(name, value, limits.sequences, "examples").map((example, i) => {
    const { sequence, label } = Object(example) as Record<string, unknown>;
    return {
      sequence: expectSteps(`${name}[${i}].sequence`, sequence),
      label: expectInteger(`${name}[${i}].label`, label, 0, labels.length - 1),
    };
  });
}

export function expectInteger(name: string, value: unknown, low: number, high: number): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= low && value <= high) return value;
  throw wrong(name, `an integer from ${low} to ${high}`, value);
}

function expectList(name: string, value: unknown, most: number, what: string): unknown[] {
  if (Array.isArray(value) && value.length > 0 && value.length <= most) return value;
  throw wrong(name, `an array of 1 to ${most} ${what}`, value);
}

function wrong(name: string, expected: string, got: unknown): RequestError {
  return new RequestError(422, `"${name}" expected ${expected}, got ${show(got)}`);
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

const quoted = (names: string[]) => names.map((name) => `"${name}"`).join(" and ");
