import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { useEffect } from "react";
import { useLocation, useNavigate } from "react-router";

import { useBlindReading } from "../api/accounts";
import { firstUnread, type Unread, unreadScans } from "../api/scans";
import { texts } from "../texts";
import { withoutRevealing } from "./filters";

/** A scan that was opened, and the rest of the list after it: null at its end, left out where it is not known. */
interface Step {
  id: string;
  rest?: string | null;
}

/**
 * How the open scan was reached, kept in the browser's history beside its address. `rest` is as the list stood when
 * the scan was found, so that what is read meanwhile shifts nothing.
 */
interface Trail extends Omit<Step, "id"> {
  /** The scans before it, the first one first. */
  visited: Step[];
}

interface Found {
  unread: Unread | null;
  startsAgain: boolean;
}

export interface NextUnread {
  /** Looks for it and opens it, unless that goes on already, or the user goes elsewhere meanwhile. */
  open: () => void;
  isPending: boolean;
}

/** Opens the next unread scan of the list, after the last one the first again, or says that none is left. */
export function useNextUnread(query: string, id = ""): NextUnread {
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const trail = useTrail();
  const blind = useBlindReading();
  const { mutate, isPending, reset } = useMutation({
    mutationFn: async (): Promise<Found> => {
      const list = withoutRevealing(query, blind);
      const ahead = id === "" ? null : trail?.rest === undefined ? unreadScans(list, id) : trail.rest;
      const further = ahead && (await firstUnreadExcept(ahead, id));
      if (further) return { unread: further, startsAgain: false };
      return { unread: await firstUnreadExcept(unreadScans(list), id), startsAgain: id !== "" };
    },
  });
  // What is found late takes nobody off the page, or the list, to which they have gone meanwhile.
  useEffect(() => reset, [reset, pathname, query]);
  const onSuccess = ({ unread, startsAgain }: Found) => {
    if (!unread) return void notifications.show({ message: texts.worklist.noneLeft });
    if (startsAgain) notifications.show({ message: texts.worklist.startsAgain });
    const here: Step[] = id ? [{ id, ...(trail?.rest === undefined ? {} : { rest: trail.rest }) }] : [];
    const next: Trail = { visited: [...(trail?.visited ?? []), ...here], rest: unread.rest };
    void navigate(addressOf(unread.id, query), { state: next });
  };
  const onError = (problem: Error) => notifications.show({ color: "red", message: problem.message });
  const open = () => {
    if (!isPending) mutate(undefined, { onSuccess, onError });
  };
  return { open, isPending };
}

/** Goes back to the scan from which this one was opened, read or not, or says that there is none. */
export function useScanBefore(query: string): () => void {
  const navigate = useNavigate();
  const trail = useTrail();
  return () => {
    const last = trail?.visited.at(-1);
    if (last === undefined) return void notifications.show({ message: texts.reading.atBeginning });
    const { id, ...rest } = last;
    const before: Trail = { visited: trail?.visited.slice(0, -1) ?? [], ...rest };
    void navigate(addressOf(id, query), { state: before });
  };
}

function useTrail(): Trail | null {
  return useLocation().state as Trail | null;
}

function addressOf(id: string, query: string): string {
  return `/scans/${id}?from=${encodeURIComponent(query)}`;
}

/** The first unread scan that is not the one that is open. */
async function firstUnreadExcept(list: string, id: string): Promise<Unread | null> {
  const found = await firstUnread(list);
  if (found?.id !== id) return found;
  return found.rest ? firstUnread(found.rest) : null;
}
