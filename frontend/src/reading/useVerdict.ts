import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useMemo, useSyncExternalStore } from "react";

import { storeOwn } from "../api/readings";
import { refreshReadings } from "../api/reviews";
import type { PredictionSeen, Scan } from "../api/types";
import { useResending } from "../sending/useResending";
import { notifyRefused, notifySent } from "./notices";
import { type Events, OwnVerdict, type VerdictState } from "./OwnVerdict";

/**
 * A reader's own verdict on a scan, or on the volume for which it stands, as it was kept in this browser; sent again
 * whenever the server may be back.
 */
export function useVerdict(user: string, scan: Scan): [OwnVerdict, VerdictState] {
  const queries = useQueryClient();
  const id = scan.volume?.id ?? scan.id;
  const verdict = useMemo(() => new OwnVerdict(user, id, verdictEvents(queries)), [user, id, queries]);
  const load = useEffectEvent(() => verdict.load(scan.id, shownPrediction(scan)));
  useEffect(() => {
    void load();
    return () => verdict.stop();
  }, [verdict]);
  useEffect(() => verdict.moveTo(scan.id), [verdict, scan.id]);
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
export function verdictEvents(queries: QueryClient): Events {
  return {
    onRecorded: (given, review, { late, isOpen }) => {
      storeOwn(queries, given.scan, review);
      refreshReadings(queries, given.scan);
      if (late && !isOpen) notifySent(given);
    },
    onRefused: (problem, { scan, isOpen }) => {
      refreshReadings(queries, scan);
      if (!isOpen) notifyRefused(scan, problem);
    },
  };
}
