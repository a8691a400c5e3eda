import type { QueryClient } from "@tanstack/react-query";

import { sendDrawings } from "../drawing/sync";
import { sendVerdicts } from "../reading/OwnVerdict";
import { verdictEvents } from "../reading/useVerdict";

/**
 * Sends all that this person could not send before; returns on how many scans something is left. `onRefused` hears of
 * a verdict that the server does not take, after its reader was notified.
 */
export async function sendLeftovers(
  user: string,
  queries: QueryClient,
  onRefused: () => void,
): Promise<number> {
  const events = verdictEvents(queries);
  const verdicts = await sendVerdicts(user, {
    ...events,
    onRefused: (problem, how) => {
      events.onRefused(problem, how);
      onRefused();
    },
  });
  return verdicts + (await sendDrawings(user));
}
