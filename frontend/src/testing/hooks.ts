/** Hooks in unit tests: they need a component that calls them. */

import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createElement, useEffect } from "react";
import { createRoot } from "react-dom/client";
import { onTestFinished, vi } from "vitest";

interface Props<Value> {
  useHook: () => Value;
  onValue: (value: Value) => void;
}

function Caller<Value>({ useHook, onValue }: Props<Value>): null {
  const value = useHook();
  useEffect(() => {
    onValue(value);
  });
  return null;
}

/** Calls the hook until the test ends. Returns what it gave last, in a box that stays. */
export async function called<Value>(queries: QueryClient, useHook: () => Value): Promise<{ current: Value }> {
  const root = createRoot(document.createElement("div"));
  onTestFinished(() => {
    root.unmount();
    queries.clear();
  });
  const box: { current?: Value } = {};
  const caller = createElement(Caller<Value>, { useHook, onValue: (value) => (box.current = value) });
  root.render(createElement(QueryClientProvider, { client: queries }, caller));
  await vi.waitFor(() => {
    if (!("current" in box)) throw new Error("The component is not rendered yet.");
  });
  return box as { current: Value };
}
