import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState, useSyncExternalStore } from "react";

import type { Problem } from "../api/problem";
import type { PredictionSeen, Scan } from "../api/types";
import { useResending } from "../sending/useResending";
import { tellRefused, tellSent } from "./news";
import { type Events, type Given, OwnVerdict, type VerdictState } from "./OwnVerdict";

/** A reader's own verdict on a scan, with what was kept of it, and sent again whenever the server may be back. */
export function useVerdict(user: string, scan: Scan): [OwnVerdict, VerdictState] {
  const queries = useQueryClient();
  const { id } = scan;
  const shown = useRef(seen(scan));
  shown.current = seen(scan);
  const [verdict, setVerdict] = useState(() => new OwnVerdict(user, id, verdictEvents(queries, id)));
  useEffect(() => {
    let open = true;
    const made = new OwnVerdict(
      user,
      id,
      verdictEvents(queries, id, () => open),
    );
    setVerdict(made);
    void made.load(shown.current);
    return () => {
      open = false;
      made.stop();
    };
  }, [user, id, queries]);
  useResending(verdict.flush);
  return [verdict, useSyncExternalStore(verdict.subscribe, verdict.snapshot)];
}

/** The answer that is on the screen; null while none is. */
export function seen(scan: Scan): PredictionSeen | null {
  return scan.prediction === null
    ? null
    : { label: scan.prediction, model_version: scan.model?.version ?? "", state: scan.state };
}

/** What follows when a verdict has reached the server: what depends on it is loaded anew, and who is elsewhere is told. */
export function verdictEvents(
  queries: QueryClient,
  scan: string,
  isOpen: () => boolean = () => false,
): Events {
  const refresh = () => {
    for (const key of ["scan", "reading"]) void queries.invalidateQueries({ queryKey: [key, scan] });
    for (const key of ["scans", "dashboard"]) void queries.invalidateQueries({ queryKey: [key] });
  };
  return {
    onRecorded: (given: Given, late: boolean) => {
      refresh();
      if (late && !isOpen()) tellSent(scan, given);
    },
    onRefused: (problem: Problem) => {
      refresh();
      if (!isOpen()) tellRefused(scan, problem);
    },
  };
}
