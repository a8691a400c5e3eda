// @vitest-environment jsdom

import { useParams } from "react-router";
import { expect, it, onTestFinished, vi } from "vitest";

import type { Scan } from "../api/types";
import { OCT } from "../testing/modalities";
import { settled, show } from "../testing/screen";
import { answer, serve, token } from "../testing/server";
import { texts } from "../texts";
import { Changes } from "./Changes";

const dated = (id: string, acquired: string) => ({ id, modality: "oct", volume: null, acquired }) as Scan;
const FIRST = dated("s1", "2026-01-01");
const LATER = [dated("s2", "2026-02-01"), dated("s3", "2026-03-01")];

/** How much the reader has drawn on a scan, in square millimetres. */
const drawn = (square_millimetres: number) =>
  answer({
    measured: true,
    drawn: [{ creator: "u1", label: "CNV", mine: true, bscans: [{ square_millimetres }] }],
  });

/** The first scan with the one that the address names, or with the second one. */
function Compared() {
  const named = useParams()["*"];
  const right = LATER.find(({ id }) => id === named) ?? LATER[0]!;
  return <Changes left={FIRST} right={right} revealed={false} />;
}

const sizes = () =>
  [...document.querySelectorAll("[data-testid=drawn-changes] tbody td")].map((cell) =>
    parseFloat(cell.textContent),
  );

it("shows sizes on the scan that was chosen once they are here, and no other scan's meanwhile", async () => {
  let tell = (): void => undefined;
  const requests = serve(({ path }) => {
    if (path.startsWith("auth/")) return answer({ access: token("u1") });
    if (path.startsWith("options/")) return answer({ modalities: [OCT] });
    if (path === "scans/s3/drawn/") return new Promise((resolve) => (tell = () => resolve(drawn(3))));
    return drawn(path === "scans/s2/drawn/" ? 7 : 1);
  });
  const screen = await show(<Compared />);
  onTestFinished(screen.close);
  const shows = (...expected: number[]) =>
    vi.waitFor(async () => {
      await settled();
      expect(sizes().slice(1)).toEqual(expected);
    });
  await shows(1, 7, 6);

  await screen.go("/s3");
  await vi.waitFor(() => expect(requests.at(-1)?.path).toBe("scans/s3/drawn/"));
  expect(sizes()).toEqual([]);
  expect(document.body.textContent).toContain(texts.common.loading);

  tell();
  await shows(1, 3, 2);
});
