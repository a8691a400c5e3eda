// @vitest-environment jsdom

import { expect, it, onTestFinished, vi } from "vitest";

import type { Dashboard } from "../api/types";
import { settled, show } from "../testing/screen";
import { answer, serve, token } from "../testing/server";
import { texts } from "../texts";
import DashboardPage from "./DashboardPage";

const NOTHING = {
  least_scans: 20,
  scans_per_day: [],
  labels: [],
  states: { answered: 0, undecided: 0, not_answered: 0, unknown: 0 },
  states_per_day: [],
  states_per_modality: [],
  states_per_clinic: [],
  states_per_device: [],
  queue: { queued: 0, predicted: 0, failed: 0, oldest_queued: null },
  verdicts: [],
  cohen: [],
  fleiss: [],
  automation_bias: null,
  latency_ms: null,
} as unknown as Dashboard;

it("says that counts are still those of the span before", async () => {
  let tell = (): void => undefined;
  const predicted = (count: number) => answer({ ...NOTHING, queue: { ...NOTHING.queue, predicted: count } });
  const requests = serve(({ path }) => {
    if (path.startsWith("auth/")) return answer({ access: token("u1") });
    if (path.startsWith("options/")) return answer({ modalities: [] });
    if (path === "dashboard/?days=7") return new Promise((resolve) => (tell = () => resolve(predicted(12))));
    return predicted(340);
  });
  /** The numbers of scans by their state, and whether what is around them says that others are on their way. */
  const counts = () => {
    const panel = document.querySelector(`section[aria-label="${texts.dashboard.queue}"]`);
    const numbers = panel?.textContent.replaceAll(/\D+/g, " ").trim();
    return [numbers, Boolean(panel?.closest("[aria-busy=true]"))];
  };
  const screen = await show(<DashboardPage />);
  onTestFinished(screen.close);
  const shows = (...expected: ReturnType<typeof counts>) =>
    vi.waitFor(async () => {
      await settled();
      expect(counts()).toEqual(expected);
    });
  await shows("0 340 0", false);

  await screen.go("/?days=7");
  await vi.waitFor(() => expect(requests.at(-1)?.path).toBe("dashboard/?days=7"));
  expect(counts()).toEqual(["0 340 0", true]);

  tell();
  await shows("0 12 0", false);
});
