import { useEffect } from "react";

import { onSessionChange } from "../api/session";

/** Calls back whenever the server may be back, and before the page may be gone. `resend` must stay the same. */
export function useResending(resend: () => void): void {
  useEffect(() => {
    const hidden = () => document.visibilityState === "hidden" && resend();
    window.addEventListener("online", resend);
    window.addEventListener("focus", resend);
    document.addEventListener("visibilitychange", hidden);
    const stopListening = onSessionChange(resend);
    return () => {
      window.removeEventListener("online", resend);
      window.removeEventListener("focus", resend);
      document.removeEventListener("visibilitychange", hidden);
      stopListening();
    };
  }, [resend]);
}
