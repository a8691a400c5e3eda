/**
 * Who is signed in. The access token lives in this module's memory alone; the refresh token is a cookie that no
 * script can read. Several tabs share that cookie, and each refresh token is good for one use, so tabs take turns.
 */

import { texts } from "../texts";
import { API } from "./address";
import { problem, Problem } from "./problem";

const LOCK = "retinote-refresh";
/** A key of the local storage. It changes when somebody signs out, so the other tabs of this browser notice. */
const SIGNED_OUT = "retinote-signed-out";
const REFRESH_MARGIN_MS = 60_000;
/**
 * For one try of two: all tabs wait for it. The server gives the answer to a refresh that was lost once more, within 20 s
 * of the first.
 */
const REFRESH_WITHIN_MS = 8_000;

let access: string | null = null;
let expires = 0;
let user: string | null = null;
const listeners = new Set<() => void>();

export type SessionState = "signed-in" | "signed-out";

/** Whether somebody was signed in since the page was opened, and has not signed out here. */
export function wasSignedIn(): boolean {
  return user !== null;
}

export function sessionState(): SessionState {
  return access ? "signed-in" : "signed-out";
}

/** Id of the user who is signed in, as the token says; null when nobody is. */
export function sessionUser(): string | null {
  return access && user;
}

/** Calls back whenever somebody signs in or out, or another user takes over; returns how to stop that. */
export function onSessionChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Raises a Problem when name or password are wrong, or the server can't be reached. */
export async function signIn(username: string, password: string): Promise<void> {
  const answer = await post("auth/token/", { username, password, cookie: true });
  if (!answer.ok) throw await problem(answer);
  keep((await answer.json()) as { access: string });
}

/**
 * Signs out, in every tab of this browser. The caller leaves the page in this tab, and nobody is asked about what is on
 * it: no listener is called here.
 * Raises a Problem when the server can't be reached: the cookie would still sign in whoever uses this browser next.
 */
export async function signOut(): Promise<void> {
  const answer = await post("auth/logout/", {});
  if (!answer.ok) throw await problem(answer);
  access = user = null;
  localStorage.setItem(SIGNED_OUT, String(Date.now()));
}

/**
 * The access token, refreshed when it is about to expire; null when nobody is signed in.
 * Raises a Problem when the server can't be reached: that is no sign-out; or when another user has signed in meanwhile.
 */
export async function accessToken(): Promise<string | null> {
  if (access && Date.now() < expires - REFRESH_MARGIN_MS) return access;
  return renewedToken(access);
}

/**
 * The token after `old`, which is about to expire or was refused by the server. The cookie may be of somebody who has
 * signed in in another tab: this raises a Problem then, as nothing is done in the name of another user than asked.
 */
export async function renewedToken(old: string | null): Promise<string | null> {
  const asker = old ? claimsOf(old).user_id : user;
  const token = await inTurn(async () => (access && access !== old ? access : refresh()));
  if (token && asker && claimsOf(token).user_id !== asker) {
    throw new Problem(texts.problems.anotherUser, "signed_out", 401);
  }
  return token;
}

async function refresh(): Promise<string | null> {
  const ask = () => post("auth/token/refresh/", {}, AbortSignal.timeout(REFRESH_WITHIN_MS));
  const answer = await ask().catch(ask);
  if (answer.status === 401) {
    forget();
    return null;
  }
  if (!answer.ok) throw await problem(answer);
  keep((await answer.json()) as { access: string });
  return access;
}

window.addEventListener("storage", ({ key }) => {
  if (key === SIGNED_OUT) forget();
});

function keep(given: { access: string }): void {
  const before = sessionUser();
  access = given.access;
  const claims = claimsOf(given.access);
  // The lifetime counts from now on this machine's clock, which may differ from the server's.
  expires = Date.now() + (claims.exp - claims.iat) * 1000;
  user = claims.user_id;
  if (user !== before) announce();
}

function forget(): void {
  if (access === null) return;
  access = null;
  announce();
}

function announce(): void {
  for (const listener of listeners) listener();
}

interface Claims {
  /** In seconds. */
  exp: number;
  iat: number;
  user_id: string;
}

function claimsOf(token: string): Claims {
  const payload = token.split(".")[1] ?? "";
  return JSON.parse(atob(payload.replaceAll("-", "+").replaceAll("_", "/"))) as Claims;
}

let waiting: Promise<unknown> = Promise.resolve();

/** One at a time in this tab, and among tabs where the browser has locks. */
function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const next = waiting
    .catch(() => undefined)
    .then(async () => ("locks" in navigator ? await navigator.locks.request(LOCK, work) : await work()));
  waiting = next;
  return next as Promise<Result>;
}

async function post(path: string, body: unknown, signal?: AbortSignal): Promise<Response> {
  try {
    return await fetch(API + path, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    throw await problem(error);
  }
}
