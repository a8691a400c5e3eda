import { useLocalStorage } from "@mantine/hooks";
import { type KeyboardEvent as ReactKeyboardEvent, useEffect, useEffectEvent } from "react";

/**
 * What keys do, by `event.key` in lower case, with "ctrl+" in front where Ctrl or the command key is held, and "shift+"
 * before a letter. An action that returns false leaves the key to others.
 */
export type KeyActions = Record<string, (event: KeyboardEvent) => unknown>;

/**
 * Whether single letters act at once; kept in this browser. Users of speech input can turn it off
 * (WCAG 2.2, criterion 2.1.4).
 */
export function useSingleKeys(): [boolean, (on: boolean) => void] {
  const [value, setValue] = useLocalStorage({
    key: "retinote-single-keys",
    defaultValue: true,
    getInitialValueInEffect: false,
  });
  return [value, setValue];
}

/** Acts on keys while nobody is typing and no dialog is open. */
export function useKeys(actions: KeyActions): void {
  const [single] = useSingleKeys();
  const act = useEffectEvent((event: KeyboardEvent) => {
    const ctrl = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    const shift = event.shiftKey && /^[a-z]$/.test(key);
    const name = (ctrl ? "ctrl+" : "") + (shift ? "shift+" : "") + key;
    const action = actions[name];
    if (!action || event.altKey || event.defaultPrevented || isTyping(event)) return;
    if (!single && !ctrl && /^[a-z0-9?/+-]$/.test(key)) return;
    if (action(event) !== false) event.preventDefault();
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => act(event);
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);
}

/** Enter is a new line in a text and chooses in a list; with Ctrl or the command key it submits the form there. */
export function submitByKey(event: ReactKeyboardEvent<HTMLElement>): void {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.currentTarget.closest("form")?.requestSubmit();
}

const OWN_KEYS = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable=true]";
const ENTERED = "button, a, [role=button], [role=tab], [role=option], summary, input";

/** Whether the key belongs to what has the focus. */
function isTyping(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof Element)) return false;
  if (target.closest("[role=dialog], [role=menu], [role=listbox]")) return true;
  if (event.key === "Enter" || event.key === " ") return target.closest(ENTERED + ", textarea") !== null;
  if (event.key.startsWith("Arrow")) {
    return target.closest("[role=slider], [role=radiogroup], input, textarea, select") !== null;
  }
  return target.closest(OWN_KEYS) !== null && target.getAttribute("type") !== "range";
}
