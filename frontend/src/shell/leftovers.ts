import type { QueryClient } from "@tanstack/react-query";

import { sendDrawings } from "../drawing/sync";
import { sendVerdicts } from "../reading/OwnVerdict";
import { verdictEvents } from "../reading/useVerdict";

/** Sends all that this person could not send before; returns on how many scans something is left. */
export async function sendLeftovers(user: string, queries: QueryClient): Promise<number> {
  const verdicts = await sendVerdicts(user, verdictEvents(queries));
  return verdicts + (await sendDrawings(user));
}
