/** What the worklist shows, as it stands in the address bar: the same names as the API's own parameters. */

import { useCallback, useMemo } from "react";
import { useSearchParams } from "react-router";

export const NAMES = ["search", "prediction", "status", "eye", "unread", "patient_ref"] as const;
export type FilterName = (typeof NAMES)[number];

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
  const query = useMemo(() => {
    const known = new URLSearchParams();
    for (const name of [...NAMES, "ordering"]) {
      const value = search.get(name);
      if (value) known.set(name, value);
    }
    return known.toString();
  }, [search]);
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
    get: (name) => search.get(name) ?? "",
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
