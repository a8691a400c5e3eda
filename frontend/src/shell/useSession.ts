import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, useSyncExternalStore } from "react";

import {
  accessToken,
  onSessionChange,
  sessionState,
  type SessionState,
  sessionUser,
  wasSignedIn,
} from "../api/session";

interface Session {
  /** "unknown" while the cookie of an earlier visit is being tried. */
  state: SessionState | "unknown";
  /** Whether somebody was signed in since the page was opened: there may be unsaved work on it. */
  wasSignedIn: boolean;
}

/** Whether somebody is signed in; tries the cookie of an earlier visit first. */
export function useSession(): Session {
  const state = useSyncExternalStore(onSessionChange, sessionState);
  const user = useSyncExternalStore(onSessionChange, sessionUser);
  const [tried, setTried] = useState(false);
  const isUsed = useSyncExternalStore(onSessionChange, wasSignedIn);
  const queries = useQueryClient();
  useEffect(() => {
    void accessToken()
      .catch(() => undefined)
      .finally(() => setTried(true));
  }, []);
  useEffect(() => {
    if (user === null) return;
    // Another user may have signed in, who may not see what was loaded.
    void queries.invalidateQueries();
    // What is on its way was asked for by this user: it would end as a problem, and is loaded anew for the next one.
    return () => void queries.cancelQueries({ type: "active" });
  }, [user, queries]);
  return { state: tried || state === "signed-in" ? state : "unknown", wasSignedIn: isUsed };
}
