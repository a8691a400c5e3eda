/** Work that is done again after a growing pause, until it is complete. */

const PAUSE_MS = 30_000;
const LONGEST_PAUSE_MS = 600_000;

export class RepeatedTask {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | null = null;

  /** `work` resolves to whether it is complete; one that fails is not. */
  constructor(private readonly work: () => Promise<boolean>) {}

  /**
   * Tries at once, and then after the shortest pause. A try that is going on is enough. Resolves when it was tried.
   */
  now = (): Promise<void> => this.attempt(PAUSE_MS);

  /** Tries nothing more until `now` is called. */
  rest(): void {
    clearTimeout(this.timer);
  }

  private attempt(pause: number): Promise<void> {
    this.running ??= this.once(pause).finally(() => (this.running = null));
    return this.running;
  }

  private async once(pause: number): Promise<void> {
    this.rest();
    // The code that does the work may fail to load: that is tried again, too.
    const complete = await this.work().catch(() => false);
    if (complete) return;
    this.timer = setTimeout(() => void this.attempt(Math.min(2 * pause, LONGEST_PAUSE_MS)), pause);
  }
}
