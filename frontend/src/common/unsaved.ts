/** Unsaved work: forms register it here, and whatever leaves a page asks here first. */

import { useEffect, useEffectEvent } from "react";

/** Something in a form that is not saved. */
export interface Unsaved {
  title: string;
  /** Label of the button that saves it and leaves. */
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
  /** Whether closing the window would leave it unsent. */
  isWaiting: () => boolean;
  /** Sends it if there is any. Resolves when that was tried; null for what signing out does not send. */
  send: (() => Promise<void>) | null;
  /** Whether the server does not take it as it is. */
  isRefused: () => boolean;
}

type Provider<Value> = () => Value;
const unsavedForms = new Set<Provider<Unsaved | null>>();
const unsentWork = new Set<Provider<Unsent>>();
const listeners = new Set<() => void>();
let question: Question | null = null;

/** Asks a user who leaves about the unsaved work that `provide` gives at that time. */
export function useUnsaved(provide: Provider<Unsaved | null>): void {
  useProvider(unsavedForms, provide);
}

/** Warns a user who closes the window before everything is sent. Signing out sends it first, or is held up by it. */
export function useUnsent(
  isWaiting: Provider<boolean>,
  send: Unsent["send"] = null,
  isRefused: Provider<boolean> = () => false,
): void {
  useProvider(unsentWork, () => ({ isWaiting, send, isRefused }));
}

export function unsaved(): Unsaved[] {
  return [...unsavedForms].map((provide) => provide()).filter((entry) => entry !== null);
}

/** Whether closing the window would lose something, or leave it unsent. */
export function isWindowNeeded(): boolean {
  return unsaved().length > 0 || waiting().length > 0;
}

/** Whether something waits that signing out does not send, and would lose. */
export function isHeldUp(): boolean {
  return waiting().some(({ send }) => send === null);
}

/** Whether the server has refused something that is to be changed. */
export function isRefused(): boolean {
  return unsent().some((entry) => entry.isRefused());
}

/**
 * Tries to send what waits. Resolves to false if something is left that needs the user: of a form, which says why, or
 * as `isHeldUp` and `isRefused` say.
 */
export async function sendUnsent(): Promise<boolean> {
  await Promise.all(unsent().map(({ send }) => send?.()));
  return unsaved().length === 0 && !isHeldUp() && !isRefused();
}

/** Whether some work succeeds. For a form that shows the error itself. */
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

/** The open question; null without one. */
export function openQuestion(): Question | null {
  return question;
}

export function onQuestion(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function unsent(): Unsent[] {
  return [...unsentWork].map((provide) => provide());
}

function waiting(): Unsent[] {
  return unsent().filter(({ isWaiting }) => isWaiting());
}

function ask(next: Question | null): void {
  question = next;
  for (const listener of listeners) listener();
}

function useProvider<Value>(providers: Set<Provider<Value>>, provide: Provider<Value>): void {
  const current = useEffectEvent(provide);
  useEffect(() => {
    const entry = () => current();
    providers.add(entry);
    return () => void providers.delete(entry);
  }, [providers]);
}
