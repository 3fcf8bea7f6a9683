import { exports } from "cloudflare:workers";

export interface Answer {
  status: number;
  headers: Headers;
  body: unknown;
}

/** One request to the Worker; a body other than text is sent as JSON. */
export async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await exports.default.fetch(`https://example.com${path}`, { method, body: text ?? null });
  const answer = await response.text();
  return { status: response.status, headers: response.headers, body: answer === "" ? undefined : JSON.parse(answer) };
}
