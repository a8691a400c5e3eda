import { problem, Problem } from "./problem";
import { accessToken, renewedToken } from "./session";
import { texts } from "../texts";

export const API = "/api/v1/";

interface Call {
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Calls the API as who is signed in. Raises a Problem unless the answer is 2xx; 401 is tried once more. */
export async function call(path: string, options: Call = {}): Promise<Response> {
  let token = await accessToken();
  let answer = await send(path, options, token);
  if (answer.status === 401) {
    token = await renewedToken(token);
    if (!token) throw new Problem(texts.problems.signedOut, "signed_out", 401);
    answer = await send(path, options, token);
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

/** The JSON of an answer; `path` is below /api/v1/, or absolute as the API itself gives it. */
export async function json<Result>(path: string, options: Call = {}): Promise<Result> {
  const answer = await call(path, options);
  return (answer.status === 204 ? undefined : await answer.json()) as Result;
}

export async function blob(path: string, options: Call = {}): Promise<Blob> {
  return (await call(path, options)).blob();
}

async function send(path: string, options: Call, token: string | null): Promise<Response> {
  const { body, headers, ...rest } = options;
  try {
    return await fetch(path.startsWith("/") ? path : API + path, {
      ...rest,
      credentials: "same-origin",
      headers: {
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw await problem(error);
  }
}
