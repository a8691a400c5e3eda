/** What is drawn and not yet saved by the server, kept in this browser: a closed tab or a dead network loses nothing. */

import { createStore, del, get, keys, set } from "idb-keyval";

import type { Shape } from "./shapes";

/** A shape as the server has it. */
export interface Saved {
  id: string;
  revision: number;
  shape: Shape;
}

/** One person's drawing on one scan: how it stands here, and what the server knows of it. */
export interface Draft {
  shapes: readonly Shape[];
  /** By the shape's key; one that is missing in `shapes` was deleted here. */
  saved: Readonly<Record<string, Saved>>;
}

const store = createStore("retinote", "drawings");

function keyOf(user: string, scan: string): string {
  return `${user}/${scan}`;
}

export async function keptDraft(user: string, scan: string): Promise<Draft | undefined> {
  return get<Draft>(keyOf(user, scan), store);
}

export async function keepDraft(user: string, scan: string, draft: Draft): Promise<void> {
  await set(keyOf(user, scan), draft, store);
}

export async function dropDraft(user: string, scan: string): Promise<void> {
  await del(keyOf(user, scan), store);
}

/** The scans on which this person has drawn something that was not saved. */
export async function scansWithDrafts(user: string): Promise<string[]> {
  const prefix = `${user}/`;
  return (await keys<string>(store))
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length));
}
