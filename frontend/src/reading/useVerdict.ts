import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useMemo, useSyncExternalStore } from "react";

import type { Problem } from "../api/problem";
import { refreshReadings } from "../api/reviews";
import type { PredictionSeen, Scan } from "../api/types";
import { useResending } from "../sending/useResending";
import { notifyRefused, notifySent } from "./notices";
import { type Events, type Given, OwnVerdict, type VerdictState } from "./OwnVerdict";

/** The code of the refusal when another B-scan stands for a volume by now. */
const LEAD_MOVED = "lead_moved";

/** A reader's own verdict on a scan, as it was kept in this browser; sent again whenever the server may be back. */
export function useVerdict(user: string, scan: Scan): [OwnVerdict, VerdictState] {
  const queries = useQueryClient();
  const { id } = scan;
  const verdict = useMemo(() => new OwnVerdict(user, id, verdictEvents(queries, id)), [user, id, queries]);
  const load = useEffectEvent(() => verdict.load(shownPrediction(scan)));
  useEffect(() => {
    void load();
    return () => verdict.stop();
  }, [verdict]);
  useResending(verdict.flush);
  return [verdict, useSyncExternalStore(verdict.subscribe, verdict.snapshot)];
}

/** The answer that is on the screen; null while none is. */
export function shownPrediction(scan: Scan): PredictionSeen | null {
  return scan.prediction === null
    ? null
    : { label: scan.prediction, model_version: scan.model?.version ?? "", state: scan.state };
}

/** Reloads what depends on a verdict once it has reached the server, and notifies a user who has left the scan. */
export function verdictEvents(queries: QueryClient, scan: string): Events {
  const refresh = () => refreshReadings(queries, scan);
  return {
    onRecorded: (given: Given, { late, isOpen }) => {
      refresh();
      if (late && !isOpen) notifySent(scan, given);
    },
    onRefused: (problem: Problem, { isOpen }) => {
      refresh();
      // The form is then that of another B-scan.
      if (!isOpen || problem.code === LEAD_MOVED) notifyRefused(scan, problem);
    },
  };
}
