/** A server in memory for unit tests: it replaces `fetch`, records each call, and answers as the test says. */

import { vi } from "vitest";

import { API } from "../api/address";

export interface Request {
  method: string;
  /** Below /api/v1/. */
  path: string;
  body: unknown;
  headers: Headers;
}

export type Answer = Response | Promise<Response>;

/** Answers calls by `answer` until the test ends; if it throws, the call gets no answer. Returns the calls. */
export function serve(answer: (request: Request) => Answer): Request[] {
  const requests: Request[] = [];
  vi.stubGlobal("fetch", async (address: string, init: RequestInit = {}) => {
    const body: unknown = typeof init.body === "string" ? JSON.parse(init.body) : undefined;
    const request = {
      method: init.method ?? "GET",
      path: address.replace(API, ""),
      body,
      headers: new Headers(init.headers),
    };
    requests.push(request);
    return Promise.race([answer(request), givenUp(init.signal)]);
  });
  return requests;
}

/** Rejects once the caller waits no longer. */
function givenUp(signal?: AbortSignal | null): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(signal!.reason as Error);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop);
  });
}

export function answer(body: unknown, status = 200): Response {
  return new Response(status === 204 ? null : JSON.stringify(body), { status });
}

export function refusal(status: number, code = "invalid", message = "No."): Response {
  return answer({ error: { code, message } }, status);
}

/** An access token as the server makes them, without a signature: only the server looks at that. */
export function token(user: string, lifetimeS = 600): string {
  const issued = Math.floor(Date.now() / 1000);
  const claims = { user_id: user, iat: issued, exp: issued + lifetimeS, jti: crypto.randomUUID() };
  return `header.${btoa(JSON.stringify(claims)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}.`;
}
