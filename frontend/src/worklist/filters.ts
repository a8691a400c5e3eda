/** The worklist's filters in the address bar, named as the API's own parameters. */

import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";

import { useBlindReading } from "../api/accounts";

export const NAMES = [
  "search",
  "prediction",
  "state",
  "withdrawn",
  "status",
  "modality",
  "eye",
  "unread",
  "patient_ref",
] as const;
export type FilterName = (typeof NAMES)[number];

/** Filters that reveal the model's answer or other readers' verdicts. Blind readers can't use them. */
export const REVEALING: readonly string[] = ["prediction", "state", "withdrawn", "ordering"];

/** A list's filters as the reader may use them. */
export function withoutRevealing(query: string, blind: boolean): string {
  const kept = new URLSearchParams(query);
  if (blind) REVEALING.forEach((name) => kept.delete(name));
  return kept.toString();
}

export interface Filters {
  get: (name: FilterName | "ordering") => string;
  /** An empty value takes the filter away. */
  set: (name: FilterName | "ordering", value: string) => void;
  clear: () => void;
  /** Whether anything narrows the list. */
  narrowed: boolean;
  /** For the API and for links back to this list. */
  query: string;
}

export function useFilters(): Filters {
  const [search, setSearch] = useSearchParams();
  const blind = useBlindReading();
  const query = useMemo(() => {
    const known = new URLSearchParams();
    for (const name of [...NAMES, "ordering"]) {
      const value = search.get(name);
      if (value) known.set(name, value);
    }
    return withoutRevealing(known.toString(), blind);
  }, [search, blind]);
  const set = useCallback(
    (name: FilterName | "ordering", value: string) => {
      const next = inAddressBar();
      if (value) next.set(name, value);
      else next.delete(name);
      setSearch(next, { replace: true });
    },
    [setSearch],
  );
  const clear = useCallback(() => {
    const ordering = inAddressBar().get("ordering");
    setSearch(new URLSearchParams(ordering ? { ordering } : {}));
  }, [setSearch]);
  return {
    get: (name) => (blind && REVEALING.includes(name) ? "" : (search.get(name) ?? "")),
    set,
    clear,
    narrowed: NAMES.some((name) => search.get(name)),
    query,
  };
}

/** What was last set, be it drawn or not: two filters that are set at nearly the same time both stay. */
function inAddressBar(): URLSearchParams {
  return new URLSearchParams(window.location.search);
}
