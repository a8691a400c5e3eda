// @vitest-environment jsdom

import { locks } from "node:worker_threads";

import { beforeEach, describe, expect, it, vi } from "vitest";

import type { PredictionSeen } from "../api/types";
import { answer, refusal, type Request, serve, token } from "../testing/server";
import { storage } from "../testing/storage";
import { OwnVerdict, sendVerdicts } from "./OwnVerdict";

vi.mock("idb-keyval", () => import("../testing/storage"));

const SAID: PredictionSeen = { label: "CNV", model_version: "2.0.0", state: "answered" };
const DISAGREES = { verdict: "disagree", label: "DME", comment: "fluid", about: SAID } as const;
const TEXT = { label: "DME", comment: "fluid" };

let requests: Request[];
/** What the server answers to a verdict. */
let given: (request: Request) => Response | Promise<Response>;
const onRecorded = vi.fn();
const onRefused = vi.fn();

beforeEach(() => {
  Object.defineProperty(navigator, "locks", { value: locks, configurable: true });
  storage.clear();
  vi.clearAllMocks();
  given = () => answer({ id: "r1" }, 201);
  requests = serve((request) => {
    if (request.path.startsWith("auth/")) return answer({ access: token("u1") });
    return request.method === "POST" ? given(request) : answer({ own: null });
  });
});

/** The form of the volume "v1", for which this B-scan stands. */
async function opened(lead: string): Promise<OwnVerdict> {
  const verdict = new OwnVerdict("u1", "v1", { onRecorded, onRefused });
  await verdict.load(lead, SAID);
  return verdict;
}

/** The scans on which a verdict was given. */
const asked = () =>
  requests
    .filter(({ method, path }) => method === "POST" && !path.startsWith("auth/"))
    .map(({ path }) => path);

describe("a verdict that is typed while another B-scan comes to stand for its volume", () => {
  it("keeps its text, and is to be chosen again", async () => {
    const verdict = await opened("middle");
    verdict.type(DISAGREES);
    verdict.moveTo("chosen");
    const { typed, problem } = verdict.snapshot();
    expect(typed).toEqual({ ...TEXT, verdict: null, about: null });
    expect(problem?.message).toContain("choose again");
    verdict.stop();
  });

  it("stays as it is where nothing was chosen yet", async () => {
    const verdict = await opened("middle");
    verdict.type({ comment: "fluid" });
    verdict.moveTo("chosen");
    expect(verdict.snapshot()).toMatchObject({ typed: { comment: "fluid" }, problem: null });
    verdict.stop();
  });

  it("is there on the next visit, whichever B-scan stands for the volume by then", async () => {
    const before = await opened("middle");
    before.type(DISAGREES);
    before.stop();
    const verdict = await opened("chosen");
    expect(verdict.snapshot().typed).toEqual({ ...TEXT, verdict: null, about: null });
    expect(verdict.snapshot().problem?.message).toContain("choose again");
    verdict.stop();

    const again = await opened("chosen");
    again.type({ verdict: "disagree", about: SAID });
    again.stop();
    const last = await opened("chosen");
    expect(last.snapshot().typed).toEqual(DISAGREES);
    last.stop();
  });
});

describe("a verdict that is given while another B-scan comes to stand for its volume", () => {
  const moved = () => refusal(409, "lead_moved", "It moved.");

  it("is not recorded, and its text stands in the form", async () => {
    given = moved;
    const verdict = await opened("middle");
    verdict.type(DISAGREES);
    await verdict.give({ verdict: "disagree", ...TEXT, of_volume: true }, null);
    verdict.moveTo("chosen");
    const { typed, given: waiting, problem } = verdict.snapshot();
    expect([typed, waiting, problem?.message]).toEqual([
      { ...TEXT, verdict: null, about: null },
      null,
      "It moved.",
    ]);
    expect(onRefused).toHaveBeenCalledWith(expect.anything(), { scan: "middle", isOpen: true });
    verdict.stop();
  });

  it("is to be chosen again when it waits and is taken back", async () => {
    given = () => Promise.reject(new TypeError("network"));
    const verdict = await opened("middle");
    verdict.type(DISAGREES);
    await verdict.give({ verdict: "disagree", ...TEXT, of_volume: true }, null);
    verdict.moveTo("chosen");
    verdict.takeBack();
    expect(verdict.snapshot().typed).toEqual({ ...TEXT, verdict: null, about: null });
    verdict.stop();
  });

  it("goes to no other B-scan than the one on which it was given", async () => {
    given = () => Promise.reject(new TypeError("network"));
    const verdict = await opened("middle");
    verdict.type(DISAGREES);
    await verdict.give({ verdict: "disagree", ...TEXT, of_volume: true }, null);
    verdict.moveTo("chosen");
    given = moved;
    verdict.stop();
    await vi.waitFor(async () => expect(await sendVerdicts("u1", { onRecorded, onRefused })).toBe(0));
    expect(new Set(asked())).toEqual(new Set(["scans/middle/review/"]));

    const next = await opened("chosen");
    expect(next.snapshot().typed).toEqual({ ...TEXT, verdict: null, about: null });
    expect(next.snapshot().problem?.message).toBe("It moved.");
    next.stop();
  });
});

describe("a verdict that is on its way while its reader types on", () => {
  const BODY = { verdict: "disagree", ...TEXT } as const;
  let arrive: (response: Response) => void;

  /** A verdict that the server has not answered yet, with more typed. */
  async function onItsWay(): Promise<[OwnVerdict, Promise<void>]> {
    given = () => new Promise((resolve) => (arrive = resolve));
    const verdict = await opened("s1");
    verdict.type(DISAGREES);
    const sent = verdict.give(BODY, null);
    await vi.waitFor(() => expect(asked()).toEqual(["scans/s1/review/"]));
    verdict.type({ comment: "fluid below the fovea" });
    return [verdict, sent];
  }

  it("is recorded, and what was typed stays in the form", async () => {
    const [verdict, sent] = await onItsWay();
    arrive(answer({ id: "r1", ...BODY }, 201));
    await sent;
    const { typed, given: waiting } = verdict.snapshot();
    expect([typed, waiting]).toEqual([{ ...DISAGREES, comment: "fluid below the fovea" }, null]);
    expect(onRecorded).toHaveBeenCalledWith(
      expect.objectContaining({ scan: "s1", body: BODY }),
      { id: "r1", ...BODY },
      { late: false, isOpen: true },
    );
    verdict.stop();
  });

  it("leaves it for the next visit where the scan is left before the answer", async () => {
    const [verdict, sent] = await onItsWay();
    verdict.stop();
    arrive(answer({ id: "r1" }, 201));
    await sent;
    const next = await opened("s1");
    expect(next.snapshot()).toMatchObject({ typed: { comment: "fluid below the fovea" }, given: null });
    next.stop();
  });

  it("leaves an empty form where all was as it was given", async () => {
    const [verdict, sent] = await onItsWay();
    verdict.type({ comment: DISAGREES.comment });
    arrive(answer({ id: "r1" }, 201));
    await sent;
    expect(verdict.snapshot().typed).toMatchObject({ verdict: null, label: null, comment: "" });
    verdict.stop();
  });
});

describe("a verdict that an earlier version of the page has kept", () => {
  it("is sent for the scan under whose id it stands", async () => {
    const body = { verdict: "agree", comment: "" };
    const typed = { verdict: "agree", label: null, comment: "", about: SAID };
    storage.set("u1/s1", { typed, given: { body, at: "2026-01-01T00:00:00Z", before: null }, refusal: "" });
    expect(await sendVerdicts("u1", { onRecorded, onRefused })).toBe(0);
    expect(asked()).toEqual(["scans/s1/review/"]);
    expect(storage.size).toBe(0);
  });
});
