/** Parts of the page on a screen in memory, and what people do there, for unit tests that ask for jsdom. */

import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { act, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { createMemoryRouter, RouterProvider } from "react-router";
import { vi } from "vitest";

const nothing = () => undefined;

export interface Screen {
  /** The path of the address that is open. */
  path: () => string;
  go: (path: string) => Promise<void>;
  close: () => Promise<void>;
}

/** Shows a part of the page, at whatever address, as soon as it has what it asks the server for. */
export async function show(part: ReactNode): Promise<Screen> {
  vi.stubGlobal("IS_REACT_ACT_ENVIRONMENT", true);
  // jsdom draws nothing, so it has neither.
  vi.stubGlobal("matchMedia", () => ({
    matches: false,
    addEventListener: nothing,
    removeEventListener: nothing,
  }));
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe = nothing;
      unobserve = nothing;
      disconnect = nothing;
    },
  );
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const router = createMemoryRouter([{ path: "*", element: part }]);
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  await act(async () =>
    root.render(
      <MantineProvider env="test">
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>,
    ),
  );
  await settled();
  return {
    path: () => router.state.location.pathname,
    go: (path) => act(async () => router.navigate(path)),
    close: async () => {
      await act(async () => root.unmount());
      queries.clear();
      document.body.replaceChildren();
    },
  };
}

/** Lets everything be done that waits for no answer and no timer. */
export async function settled(): Promise<void> {
  await act(async () => new Promise((resolve) => setTimeout(resolve)));
}

/** The field with this label, if it is in sight. */
export function field(label: string): HTMLInputElement | null {
  const named = [...document.querySelectorAll("label")].find(({ textContent }) => textContent === label);
  const found = named ? named.control : document.querySelector(`input[aria-label="${label}"]`);
  return found as HTMLInputElement | null;
}

export async function type(label: string, text: string): Promise<void> {
  await act(async () => {
    // React notices what is set past its own setter.
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!.call(field(label), text);
    field(label)!.dispatchEvent(new Event("input", { bubbles: true }));
  });
}

/** Presses what has this text. */
export async function press(text: string): Promise<void> {
  const all = [...document.querySelectorAll<HTMLElement>("button, [role=menuitem]")];
  await act(async () => all.find(({ textContent }) => textContent === text)!.click());
  await settled();
}
