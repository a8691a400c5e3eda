import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { RepeatedTask } from "./RepeatedTask";

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("repeated work", () => {
  it("is done again after a growing pause, 10 minutes at most, until it is complete", async () => {
    const pauses: number[] = [];
    let last = Date.now();
    const repeated = new RepeatedTask(async () => {
      pauses.push((Date.now() - last) / 1000);
      last = Date.now();
      if (pauses.length === 2) throw new Error("could not even be loaded");
      return pauses.length === 8;
    });
    repeated.now();
    await vi.runAllTimersAsync();
    expect(pauses).toEqual([0, 30, 60, 120, 240, 480, 600, 600]);
  });

  it("is one try for all who want it, and rests when it is told to", async () => {
    const work = vi.fn(async () => false);
    const repeated = new RepeatedTask(work);
    repeated.now();
    repeated.now();
    await vi.advanceTimersByTimeAsync(0);
    repeated.rest();
    await vi.runAllTimersAsync();
    expect(work).toHaveBeenCalledOnce();
  });
});
