import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";

import { accessToken, onSessionChange, sessionState, type SessionState } from "../api/session";

interface Session {
  /** "unknown" while the cookie of an earlier visit is being tried. */
  state: SessionState | "unknown";
  /** Whether somebody was signed in since the page was opened: what is on it may be unsaved. */
  wasSignedIn: boolean;
}

/** Whether somebody is signed in; tries the cookie of an earlier visit first. */
export function useSession(): Session {
  const state = useSyncExternalStore(onSessionChange, sessionState);
  const [tried, setTried] = useState(false);
  const [wasSignedIn, setWasSignedIn] = useState(false);
  const queries = useQueryClient();
  useEffect(() => {
    void accessToken()
      .catch(() => undefined)
      .finally(() => setTried(true));
  }, []);
  useEffect(() => {
    if (state !== "signed-in") return;
    setWasSignedIn(true);
    // Somebody else may have signed in: what was loaded is not theirs.
    void queries.invalidateQueries();
  }, [state, queries]);
  return { state: tried || state === "signed-in" ? state : "unknown", wasSignedIn };
}
