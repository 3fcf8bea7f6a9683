import { classifier, labels, probabilities } from "./classifier.ts";
import {
  expectExamples,
  expectInteger,
  expectSequences,
  expectSteps,
  limits,
  readBody,
  RequestError,
} from "./request.ts";

export { Learner } from "./learner.ts";
export { GestureStream } from "./stream.ts";

type Handler = (request: Request, env: Env, id: string) => Promise<Response>;

const routes: { path: RegExp; methods: Record<string, Handler> }[] = [
  { path: /^\/predict$/, methods: { POST: predict } },
  { path: /^\/stream\/([\w-]{1,64})$/, methods: { GET: streamed, POST: stream, DELETE: forgetStream } },
  { path: /^\/learn\/([\w-]{1,64})$/, methods: { GET: learnt, POST: learn, DELETE: forgetLearnt } },
  { path: /^\/learn\/([\w-]{1,64})\/predict$/, methods: { POST: predictLearnt } },
];

export default {
  async fetch(request, env) {
    try {
      return await route(request, env);
    } catch (error) {
      if (error instanceof RequestError) return error.toResponse();
      throw error;
    }
  },
} satisfies ExportedHandler<Env>;

function route(request: Request, env: Env): Promise<Response> {
  const { pathname } = new URL(request.url);
  for (const { path, methods } of routes) {
    const match = path.exec(pathname);
    if (!match) continue;
    const handler = methods[request.method];
    if (handler) return handler(request, env, match[1] ?? "");
    const allow = Object.keys(methods).join(", ");
    throw new RequestError(405, `${pathname} takes ${allow}, not ${request.method}`, { allow });
  }
  const known = "/predict, /stream/:id, /learn/:id and /learn/:id/predict";
  const ids = 'an id has 1 to 64 letters, digits, "-" or "_"';
  throw new RequestError(404, `there is no ${pathname}: there are ${known}; ${ids}`);
}

async function predict(request: Request): Promise<Response> {
  const { sequences } = await readBody(request, ["sequences"]);
  return Response.json({ labels, probabilities: probabilities(classifier, expectSequences("sequences", sequences)) });
}

async function stream(request: Request, env: Env, id: string): Promise<Response> {
  const { steps } = await readBody(request, ["steps"]);
  return Response.json({ labels, ...(await env.STREAMS.getByName(id).step(expectSteps("steps", steps))) });
}

async function streamed(_request: Request, env: Env, id: string): Promise<Response> {
  return Response.json({ steps: await env.STREAMS.getByName(id).steps() });
}

async function forgetStream(_request: Request, env: Env, id: string): Promise<Response> {
  await env.STREAMS.getByName(id).forget();
  return new Response(null, { status: 204 });
}

async function learn(request: Request, env: Env, id: string): Promise<Response> {
  const { examples, steps } = await readBody(request, ["examples", "steps"]);
  const given = examples === undefined ? undefined : expectExamples("examples", examples);
  const progress = await env.LEARNERS.getByName(id).learn(given, expectInteger("steps", steps, 1, limits.learn));
  if (progress) return Response.json(progress);
  throw new RequestError(422, `"examples" expected some to learn from, because ${id} has none yet`);
}

async function learnt(_request: Request, env: Env, id: string): Promise<Response> {
  return Response.json((await env.LEARNERS.getByName(id).progress()) ?? nothingLearnt(id));
}

async function predictLearnt(request: Request, env: Env, id: string): Promise<Response> {
  const { sequences } = await readBody(request, ["sequences"]);
  const predicted = await env.LEARNERS.getByName(id).predict(expectSequences("sequences", sequences));
  return Response.json({ labels, probabilities: predicted ?? nothingLearnt(id) });
}

async function forgetLearnt(_request: Request, env: Env, id: string): Promise<Response> {
  await env.LEARNERS.getByName(id).forget();
  return new Response(null, { status: 204 });
}

function nothingLearnt(id: string): never {
  throw new RequestError(404, `${id} has learnt nothing yet: POST examples to /learn/${id}`);
}
