import type { Problem } from "./types";

/** A request the server answered with an error (RFC 9457). What never got an answer is a TypeError of fetch. */
export class ApiProblem extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ApiProblem";
    this.problem = problem;
  }
}

function isProblem(body: unknown): body is Problem {
  return typeof body === "object" && body !== null && "code" in body && "status" in body;
}

/** A proxy in between may answer without our shape; its status is then all there is to tell. */
export function problemOf(body: unknown, response: Response): Problem {
  if (isProblem(body)) return body;
  const status = response.status;
  return {
    type: "about:blank",
    title: response.statusText,
    status,
    detail: "",
    code: `HTTP_${status}`,
    errors: [],
    traceId: "",
  };
}

interface Call<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** What the server answered; its refusal as an ApiProblem. */
export async function answerOf<T>(call: Promise<Call<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (!response.ok) throw new ApiProblem(problemOf(error, response));
  return data as T;
}

export function statusOf(error: unknown): number | undefined {
  return error instanceof ApiProblem ? error.problem.status : undefined;
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof ApiProblem ? error.problem.code : undefined;
}
