/** Scans: one by its id, lists of them, and what is done with one as a whole. */

import {
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";

import { readsBlind } from "./accounts";
import { onThisServer } from "./address";
import { refreshDrawn } from "./annotations";
import { blob, json, postForm } from "./client";
import { refreshOptions } from "./options";
import { refreshReading } from "./readings";
import type { Count, Page, Scan, ScanChange, UploadedScan } from "./types";

const PATH = "scans/";
/** Begins the keys of all that is loaded again when a scan has changed. */
export const LISTS = ["scans"];
const keyOf = (id: string | null) => ["scan", id];

const PAGE_SIZE = 100;
/** The most that the API gives in one page. */
const LARGEST_PAGE = 200;
/** A list with more pages is not loaded again each time that somebody comes back to the window. */
const REFRESHED_PAGES = 3;
const POLL_MS = 2000;

/** One scan; loaded again and again while it waits for the model. Nothing is loaded without an id. */
export function useScan(id: string | null) {
  return useQuery({
    queryKey: keyOf(id),
    queryFn: () => json<Scan>(pathOf(id ?? "")),
    enabled: id !== null,
    refetchInterval: ({ state }) => (state.data?.status === "queued" ? POLL_MS : false),
  });
}

/** The scans that the filters find, a page at a time. */
export function useScans(query: string) {
  return useInfiniteQuery({
    queryKey: [...LISTS, "list", query],
    queryFn: ({ pageParam, signal }) => json<Page<Scan>>(pageParam, { signal }),
    initialPageParam: listOf(query, { page_size: PAGE_SIZE }),
    getNextPageParam: ({ next }) => (next ? onThisServer(next) : undefined),
    refetchOnWindowFocus: ({ state }) => (state.data?.pages.length ?? 0) <= REFRESHED_PAGES,
  });
}

/** All scans that the filters find, however many pages they fill. Raises a Problem. */
export async function allScans(query: string): Promise<Scan[]> {
  const scans: Scan[] = [];
  let path: string | undefined = listOf(query, { page_size: LARGEST_PAGE });
  while (path) {
    const page: Page<Scan> = await json<Page<Scan>>(path);
    scans.push(...page.results);
    path = page.next ? onThisServer(page.next) : undefined;
  }
  return scans;
}

/** How many scans the filters find; undefined until it is known. */
export function useScanCount(query: string): number | undefined {
  return useQuery({
    queryKey: [...LISTS, "count", query],
    queryFn: ({ signal }) => json<Count>(`${PATH}count/?${query}`, { signal }),
  }).data?.count;
}

/** The newest scans with a patient reference; nothing is loaded for an empty one. */
export function useScansOfPatient(reference: string) {
  return useQuery({
    queryKey: [...LISTS, "patient", reference],
    queryFn: () => json<Page<Scan>>(listOf("", { patient_ref: reference, page_size: LARGEST_PAGE })),
    enabled: reference !== "",
  });
}

/** A scan to read, and the rest of the list after it, as the list stood when the scan was found. */
export interface Unread {
  id: string;
  /** To be given to `firstUnread`; null at the end of the list. */
  rest: string | null;
}

/** The unread scans that the filters find, for `firstUnread`; with a scan's id, those that come after it. */
export function unreadScans(query: string, after = ""): string {
  return listOf(query, { unread: "true", status: "predicted", page_size: 1, ...(after && { after }) });
}

/** The first scan of a list of unread ones; null when none is left. Raises a Problem. */
export async function firstUnread(list: string): Promise<Unread | null> {
  const { results, next } = await json<Page<Scan>>(list);
  const [first] = results;
  return first ? { id: first.id, rest: next && onThisServer(next) } : null;
}

/** Uploads a scan and resolves when the model has read it, or it is queued. Raises a Problem. */
export async function uploadScan(form: FormData, onProgress: (share: number) => void): Promise<UploadedScan> {
  return postForm<UploadedScan>(PATH, form, onProgress);
}

/** Changes the details of a scan. */
export function useChangeScan(id: string) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (body: ScanChange) => json<Scan>(pathOf(id), { method: "PATCH", body }),
    onSuccess: (scan) => {
      storeScan(queries, scan);
      // Areas follow from the size of a pixel.
      refreshDrawn(queries);
    },
  });
}

/** Deletes a scan, or the volume that it is a B-scan of, with all that belongs to it. */
export function useDelete({ id, volume }: Pick<Scan, "id" | "volume">) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => json<void>(volume ? `volumes/${volume.id}/` : pathOf(id), { method: "DELETE" }),
    onSuccess: () => refreshLists(queries),
  });
}

/** Asks the model for the heat map of another label. The scan then has that heat map. */
export function useHeatMapOf({ id, model }: Pick<Scan, "id" | "model">) {
  const queries = useQueryClient();
  return useMutation({
    // By its key, a request that is under way stays one for its scan when somebody leafs on to another.
    mutationKey: ["heat map", id],
    mutationFn: (label: string) =>
      json<Scan>(`${pathOf(id)}predictions/`, {
        method: "POST",
        body: { label, ...(model ? { version: model.version } : {}) },
      }),
    onSuccess: (scan) => {
      queries.setQueryData(keyOf(id), scan);
      refreshReading(queries, id);
      if (scan.volume) refreshLists(queries);
    },
  });
}

/** A scan with its answer and readings for a health record, as a Bundle of FHIR R4. Raises a Problem. */
export async function scanFhir(id: string): Promise<Blob> {
  return blob(`${pathOf(id)}fhir/`);
}

/** The report on a scan as a PDF. Raises a Problem. */
export async function scanReport(id: string): Promise<Blob> {
  return blob(`${pathOf(id)}report/`);
}

/** Shows a scan as the server has just given it, and loads again the lists that it may be in. */
export function storeScan(queries: QueryClient, scan: Scan): void {
  queries.setQueryData(keyOf(scan.id), scan);
  refreshLists(queries);
}

/** Does the same for a new scan. */
export function storeNewScan(queries: QueryClient, scan: Scan): void {
  // The answer may have been sent before the user chose to read blind: the scan is loaded again instead of shown.
  if (readsBlind(queries) && !scan.answer_hidden) refreshScan(queries, scan.id);
  else storeScan(queries, scan);
  refreshOptions(queries);
}

/** Loads a scan again, and the lists that it may be in. */
export function refreshScan(queries: QueryClient, id: string): void {
  void queries.invalidateQueries({ queryKey: keyOf(id) });
  refreshLists(queries);
}

function refreshLists(queries: QueryClient): void {
  void queries.invalidateQueries({ queryKey: LISTS });
}

function pathOf(id: string): string {
  return `${PATH}${id}/`;
}

/** A list of scans by filters, as they stand in the address bar, and by parameters that take precedence. */
function listOf(query: string, parameters: Record<string, string | number>): string {
  const wanted = new URLSearchParams(query);
  for (const [name, value] of Object.entries(parameters)) wanted.set(name, String(value));
  return `${PATH}?${wanted.toString()}`;
}
