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

/** A scan to read, and the address of the list's rest after it, as the list stood when it was found. */
export interface Unread {
  id: string;
  rest: string | null;
}

/** The first unread scan of a list; null when none is left. `list` is an address of the API. */
export async function firstUnread(list: string): Promise<Unread | null> {
  const { results, next } = await json<Page<Scan>>(list);
  const [first] = results;
  return first ? { id: first.id, rest: next && relative(next) } : null;
}

/** Address of the unread scans of a list, a page for each; with a scan's id those that come after it. */
export function unreadOf(query: string, after = ""): string {
  const wanted = new URLSearchParams(query);
  wanted.set("unread", "true");
  wanted.set("status", "predicted");
  wanted.set("page_size", "1");
  if (after) wanted.set("after", after);
  return `scans/?${wanted.toString()}`;
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
