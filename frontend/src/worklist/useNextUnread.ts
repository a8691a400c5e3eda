import { notifications } from "@mantine/notifications";
import { useMutation } from "@tanstack/react-query";
import { useLocation, useNavigate } from "react-router";

import { useBlindReading } from "../common/blind";
import { texts } from "../texts";
import { withoutTelling } from "./filters";
import { firstUnread, type Unread, unreadOf } from "./scans";

/** A scan that was come to, and where the list goes on after it: null at its end, left out where that is not known. */
interface Step {
  id: string;
  rest?: string | null;
}

/**
 * How the open scan was come to, kept in the browser's history beside its address. `rest` is as the list stood when
 * the scan was found, so that what is read meanwhile shifts nothing.
 */
interface Way extends Omit<Step, "id"> {
  /** The scans before it, the first one first. */
  came: Step[];
}

interface Found {
  unread: Unread | null;
  beginsAgain: boolean;
}

/** Goes on to the next scan of the list that is not read, after the last one again from the first, or says that none is left. */
export function useNextUnread(query: string, id = "") {
  const navigate = useNavigate();
  const way = useWay();
  const blind = useBlindReading();
  return useMutation({
    mutationFn: async (): Promise<Found> => {
      const list = withoutTelling(query, blind);
      const ahead = id === "" ? null : way?.rest === undefined ? unreadOf(list, id) : way.rest;
      const further = ahead && (await skipping(ahead, id));
      if (further) return { unread: further, beginsAgain: false };
      return { unread: await skipping(unreadOf(list), id), beginsAgain: id !== "" };
    },
    onSuccess: ({ unread, beginsAgain }) => {
      if (!unread) return void notifications.show({ message: texts.worklist.noneLeft });
      if (beginsAgain) notifications.show({ message: texts.worklist.beginsAgain });
      const here: Step[] = id ? [{ id, ...(way?.rest === undefined ? {} : { rest: way.rest }) }] : [];
      const next: Way = { came: [...(way?.came ?? []), ...here], rest: unread.rest };
      void navigate(addressOf(unread.id, query), { state: next });
    },
    onError: (problem) => notifications.show({ color: "red", message: problem.message }),
  });
}

/** Goes back to the scan that this one was come to from, read or not, or says that there is none. */
export function useScanBefore(query: string): () => void {
  const navigate = useNavigate();
  const way = useWay();
  return () => {
    const last = way?.came.at(-1);
    if (last === undefined) return void notifications.show({ message: texts.reading.atBeginning });
    const { id, ...rest } = last;
    const before: Way = { came: way?.came.slice(0, -1) ?? [], ...rest };
    void navigate(addressOf(id, query), { state: before });
  };
}

function useWay(): Way | null {
  return useLocation().state as Way | null;
}

function addressOf(id: string, query: string): string {
  return `/scans/${id}?from=${encodeURIComponent(query)}`;
}

/** The first unread scan that is not the one that is open. */
async function skipping(list: string, id: string): Promise<Unread | null> {
  const found = await firstUnread(list);
  if (found?.id !== id) return found;
  return found.rest ? firstUnread(found.rest) : null;
}
