// @vitest-environment jsdom

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Problem } from "../api/problem";
import { Sender } from "./Sender";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const away = new Problem("away", "offline", 0);

describe("what is to be sent", () => {
  it("goes a moment after the last change, once for all of them", async () => {
    const send = vi.fn(async () => undefined);
    const sender = new Sender("lock", send, vi.fn());
    for (let change = 0; change < 5; change++) sender.soon();
    expect(send).not.toHaveBeenCalled();
    await vi.runAllTimersAsync();
    expect(send).toHaveBeenCalledOnce();
  });

  it("is tried again after a growing pause, 30 s at most, until it works", async () => {
    const pauses: number[] = [];
    let last = Date.now();
    const failed = vi.fn();
    const send = vi.fn(async () => {
      pauses.push(Date.now() - last);
      last = Date.now();
      if (pauses.length < 9) throw away;
    });
    const sender = new Sender("lock", send, failed);

    sender.soon();
    await vi.runAllTimersAsync();

    expect(pauses).toEqual([800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000, 30_000]);
    expect(failed).toHaveBeenCalledTimes(8);
    expect(failed).toHaveBeenCalledWith(away);
  });

  it("is one try for all who want it at once", async () => {
    let arrive = (): void => undefined;
    const send = vi.fn(() => new Promise<void>((resolve) => (arrive = resolve)));
    const sender = new Sender("lock", send, vi.fn());
    const tries = [sender.flush(), sender.flush()];
    arrive();
    await Promise.all(tries);
    expect(send).toHaveBeenCalledOnce();
  });

  it("is tried a last time at the end, for which whoever opens the same again waits", async () => {
    let arrive = (): void => undefined;
    const send = vi.fn(() => new Promise<void>((resolve) => (arrive = resolve)));
    new Sender("lock", send, vi.fn()).finish();
    const opened = vi.fn();
    const next = new Sender("lock", send, vi.fn());
    const opening = next.hold().then(opened);
    await vi.runAllTimersAsync();
    expect([send.mock.calls.length, opened.mock.calls.length]).toEqual([1, 0]);
    arrive();
    await opening;
    next.stop();
  });

  it("stays after the end", async () => {
    const send = vi.fn(async () => undefined);
    const sender = new Sender("lock", send, vi.fn());
    sender.soon();
    sender.stop();
    await sender.flush();
    await vi.runAllTimersAsync();
    expect(send).not.toHaveBeenCalled();
  });
});
