/** Sends what is kept, one try after another and after a growing pause, until the server has it. */

import { Problem } from "../api/problem";
import { accessToken, sessionUser } from "../api/session";
import { texts } from "../texts";

const PAUSE_MS = 800;
const LONGEST_PAUSE_MS = 30_000;
/** After so long without an answer a call counts as one that got none. */
export const ANSWER_WITHIN_MS = 30_000;

/** The last tries of what was left a moment ago, by its lock: whoever opens it again waits for them. */
const lastTries = new Map<string, Promise<unknown>>();

export class Sender {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | null = null;
  private pause = PAUSE_MS;
  private stopped = false;
  private release = (): void => undefined;
  private held: Promise<void> | null = null;

  /**
   * `lock` names what is sent, in all tabs. `send` sends all there is and raises a Problem where that did not work;
   * `onFailure` hears of it, and it is tried again.
   */
  constructor(
    private readonly lock: string,
    private readonly send: () => Promise<void>,
    private readonly onFailure: (problem: Problem) => void,
  ) {}

  /** Keeps `unlessLocked` away, in all tabs, until `stop`; waits for those that have it in hand. */
  async hold(): Promise<void> {
    await lastTries.get(this.lock);
    if (this.stopped || !("locks" in navigator)) return;
    this.held ??= new Promise<void>((held) => {
      void navigator.locks.request(this.lock, { mode: "shared" }, () => {
        held();
        return this.stopped ? undefined : new Promise<void>((release) => (this.release = release));
      });
    });
    await this.held;
  }

  /** Sends in a moment: there is something new. */
  soon(): void {
    this.pause = PAUSE_MS;
    this.schedule(this.pause);
  }

  /** Sends now. Resolves when it was tried. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.running ??= this.attempt().finally(() => (this.running = null));
    await this.running;
  }

  stop(): void {
    this.stopped = true;
    this.release();
    clearTimeout(this.timer);
  }

  /** Sends a last time, and stops. */
  finish(): void {
    const last = Promise.allSettled([lastTries.get(this.lock), this.flush()]).then(() => {
      this.stop();
      if (lastTries.get(this.lock) === last) lastTries.delete(this.lock);
    });
    lastTries.set(this.lock, last);
  }

  /** Tries again later, as after a failed try. */
  later(): void {
    this.schedule(this.pause);
  }

  private schedule(pause: number): void {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => void this.flush(), pause);
  }

  private async attempt(): Promise<void> {
    try {
      await this.send();
      this.pause = PAUSE_MS;
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(String(error), "unexpected", 0);
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
      this.onFailure(problem);
      this.schedule(this.pause);
    }
  }
}

/** Raises a Problem unless this user is signed in: nothing is sent in the name of another user. */
export async function checkSignedIn(user: string): Promise<void> {
  await accessToken();
  if (sessionUser() !== user) throw new Problem(texts.problems.signedOut, "signed_out", 401);
}

/**
 * Does the work unless this or another tab holds the lock: that tab sends its own work, and sending it twice could
 * create it twice. A browser without locks (over plain HTTP from another machine) never does the work.
 */
export async function unlessLocked(lock: string, work: () => Promise<void>): Promise<void> {
  if (!("locks" in navigator)) return;
  await navigator.locks.request(lock, { ifAvailable: true }, async (free) => {
    if (free) await work();
  });
}
