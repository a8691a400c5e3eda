/** What would be lost when the page is left: forms say so here, and whatever leaves asks here. */

import { useEffect, useRef } from "react";

/** Something in a form that was not given or saved. */
export interface Unsaved {
  title: string;
  /** What the button says that saves it and leaves. */
  saveLabel: string;
  /** Saves it; false if that did not work, and the form says why. Null while it is not complete. */
  save: (() => Promise<boolean>) | null;
  drop: () => void;
}

export interface Question {
  entries: Unsaved[];
  answer: (leaves: boolean) => void;
}

/** Something that the server does not have yet. */
interface Unsent {
  isWaiting: () => boolean;
  /** Sends it. Resolves when that was tried; null for what signing out does not send. */
  send: (() => Promise<void>) | null;
}

type Look<Found> = () => Found;
const forms = new Set<Look<Unsaved | null>>();
const waiting = new Set<Look<Unsent>>();
const listeners = new Set<() => void>();
let question: Question | null = null;

/** Whoever leaves is asked about what `look` finds then. */
export function useUnsaved(look: Look<Unsaved | null>): void {
  useLook(forms, look);
}

/** Whoever closes the window is asked while the server does not have everything; who signs out tries to send it before. */
export function useUnsent(isWaiting: Look<boolean>, send: Unsent["send"] = null): void {
  useLook(waiting, () => ({ isWaiting, send }));
}

export function unsaved(): Unsaved[] {
  return [...forms].map((look) => look()).filter((entry) => entry !== null);
}

/** Whether something would be lost, or left unsent, with the window. */
export function isWindowNeeded(): boolean {
  return unsaved().length > 0 || [...waiting].some((look) => look().isWaiting());
}

/** Sends what waits. Resolves when it was tried; false if that has left a form with something to give, which says why. */
export async function sendUnsent(): Promise<boolean> {
  const found = [...waiting].map((look) => look()).filter(({ isWaiting }) => isWaiting());
  await Promise.all(found.map(({ send }) => send?.()));
  return unsaved().length === 0;
}

/** Whether some work came to its end, for a form that says itself why it did not. */
export async function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}

/** Asks where something is unsaved. Resolves to whether one may leave. */
export async function mayLeave(): Promise<boolean> {
  question?.answer(false);
  const entries = unsaved();
  if (entries.length === 0) return true;
  return new Promise((resolve) =>
    ask({
      entries,
      answer: (leaves) => {
        ask(null);
        resolve(leaves);
      },
    }),
  );
}

/** The question that is open, for who shows it. */
export function openQuestion(): Question | null {
  return question;
}

export function onQuestion(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function ask(next: Question | null): void {
  question = next;
  for (const listener of listeners) listener();
}

function useLook<Found>(looks: Set<Look<Found>>, look: Look<Found>): void {
  const latest = useRef(look);
  latest.current = look;
  useEffect(() => {
    const entry = () => latest.current();
    looks.add(entry);
    return () => void looks.delete(entry);
  }, [looks]);
}
