/** Calls to the API. Only the modules of this folder use it: they own the addresses. */

import { texts } from "../texts";
import { API } from "./address";
import { problem, Problem } from "./problem";
import { accessToken, renewedToken } from "./session";

export interface CallOptions {
  method?: string;
  /** Sent as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/**
 * Calls the API as the user who is signed in. `path` is below /api/v1/, or absolute as the API itself gives it.
 * Raises a Problem unless the answer is 2xx; after a 401 it tries once more with a new token of the same user.
 */
export async function call(path: string, options: CallOptions = {}): Promise<Response> {
  return signedIn((token) => send(path, options, token));
}

/** The JSON of an answer. */
export async function json<Result>(path: string, options: CallOptions = {}): Promise<Result> {
  const answer = await call(path, options);
  return (answer.status === 204 ? undefined : await answer.json()) as Result;
}

/** The bytes of an answer. */
export async function blob(path: string, options: CallOptions = {}): Promise<Blob> {
  return (await call(path, options)).blob();
}

/**
 * Posts a form and returns the JSON of the answer. `onProgress` gets the share that was sent, 0 to 1, which `fetch`
 * does not tell. Raises a Problem as `call` does.
 */
export async function postForm<Result>(
  path: string,
  form: FormData,
  onProgress: (share: number) => void,
): Promise<Result> {
  const answer = await signedIn((token) => sendForm(path, form, token, onProgress));
  return (await answer.json()) as Result;
}

async function signedIn(attempt: (token: string | null) => Promise<Response>): Promise<Response> {
  let token = await accessToken();
  let answer = await attempt(token);
  if (answer.status === 401) {
    // Without a session one renewal was refused already: what is asked for again and again would use up sign-ins.
    token = token && (await renewedToken(token));
    if (!token) throw signedOut();
    answer = await attempt(token);
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function send(path: string, options: CallOptions, token: string | null): Promise<Response> {
  const { body, headers, ...rest } = options;
  try {
    return await fetch(addressOf(path), {
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

async function sendForm(
  path: string,
  form: FormData,
  token: string | null,
  onProgress: (share: number) => void,
): Promise<Response> {
  // A large file is not sent only to be refused.
  if (!token) throw signedOut();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", addressOf(path));
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => onProgress(event.total ? event.loaded / event.total : 0);
    request.upload.onload = () => onProgress(1);
    request.onload = () => resolve(new Response(request.responseText || null, { status: request.status }));
    request.onerror = () => void problem(null).then(reject);
    request.send(form);
  });
}

function addressOf(path: string): string {
  return path.startsWith("/") ? path : API + path;
}

function signedOut(): Problem {
  return new Problem(texts.problems.signedOut, "signed_out", 401);
}
