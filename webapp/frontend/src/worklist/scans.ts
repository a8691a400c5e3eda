/** Lists of scans from the API. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";

import { json } from "../api/client";
import type { Count, Page, Scan } from "../api/types";

const PAGE_SIZE = 100;
// A long list is not loaded anew each time that somebody comes back to the window.
const REFRESHED_PAGES = 3;

/** The scans that the filters find, a page at a time. `next` is an address of this server. */
export function useScans(query: string) {
  return useInfiniteQuery({
    queryKey: ["scans", "list", query],
    queryFn: ({ pageParam, signal }) => json<Page<Scan>>(pageParam, { signal }),
    initialPageParam: `scans/?${withSize(query)}`,
    getNextPageParam: ({ next }) => (next ? relative(next) : undefined),
    refetchOnWindowFocus: ({ state }) => (state.data?.pages.length ?? 0) <= REFRESHED_PAGES,
  });
}

export function useCount(query: string): number | undefined {
  return useQuery({
    queryKey: ["scans", "count", query],
    queryFn: ({ signal }) => json<Count>(`scans/count/?${query}`, { signal }),
  }).data?.count;
}

/** The first scan of the list that is not read and not this one; null when none is left. */
export async function nextUnread(query: string, id = ""): Promise<string | null> {
  const wanted = new URLSearchParams(query);
  wanted.set("unread", "true");
  wanted.set("status", "predicted");
  wanted.set("page_size", "2");
  const page = await json<Page<Scan>>(`scans/?${wanted.toString()}`);
  return page.results.find((scan) => scan.id !== id)?.id ?? null;
}

function withSize(query: string): string {
  const wanted = new URLSearchParams(query);
  wanted.set("page_size", String(PAGE_SIZE));
  return wanted.toString();
}

function relative(address: string): string {
  const { pathname, search } = new URL(address, window.location.origin);
  return pathname + search;
}
