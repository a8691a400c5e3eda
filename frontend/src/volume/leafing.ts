/** In what order, and how fast, a stack of B-scans is leafed through. */

/** Which of `count` pictures to load, by their distance from one, which comes first; none farther than `reach`. */
export function nearestFirst(index: number, count: number, reach: number): number[] {
  const order = [index];
  for (let away = 1; away <= reach; away++) order.push(index + away, index - away);
  return order.filter((at) => at >= 0 && at < count);
}

/** A wheel turns in notches of 100 and more; touchpads send many small movements. */
const NOTCH = 50;
/** So far fingers move on a touchpad for one B-scan. */
const SMALL_STEP = 24;

/** Turns movements of a wheel into steps: down is on to the next. */
export function wheelSteps(step: (by: number) => void): (deltaY: number) => void {
  let rest = 0;
  return (deltaY) => {
    if (Math.abs(deltaY) >= NOTCH) {
      rest = 0;
      return step(Math.sign(deltaY));
    }
    if (Math.sign(deltaY) !== Math.sign(rest)) rest = 0;
    rest += deltaY;
    const steps = Math.trunc(rest / SMALL_STEP);
    rest -= steps * SMALL_STEP;
    if (steps !== 0) step(steps);
  };
}
