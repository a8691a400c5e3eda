import { expect, test } from "vitest";

import { nearestFirst, wheelSteps } from "./leafing";

test("pictures are loaded from the one that is seen outwards", () => {
  expect(nearestFirst(2, 5, 9)).toEqual([2, 3, 1, 4, 0]);
  expect(nearestFirst(0, 100, 2)).toEqual([0, 1, 2]);
});

test("a notch of a wheel is one step, however far the wheel says that it turned", () => {
  const steps: number[] = [];
  const turn = wheelSteps((by) => steps.push(by));
  for (const delta of [100, 120, -300]) turn(delta);
  expect(steps).toEqual([1, 1, -1]);
});

test("small movements of a touchpad add up, and begin anew in the other direction", () => {
  const steps: number[] = [];
  const turn = wheelSteps((by) => steps.push(by));
  for (const delta of [10, 10, 10, -10, -10, -10, 49]) turn(delta);
  expect(steps).toEqual([1, -1, 2]);
});
