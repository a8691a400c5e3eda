/** One reader's verdict on one scan: what is typed, and once it is given, its way to the server. */

import { Problem } from "../api/problem";
import { giveReview, readingOf } from "../api/reviews";
import type { PredictionSeen, Review, ReviewChange, Verdict } from "../api/types";
import { ANSWER_WITHIN_MS, checkSignedIn, Sender, unlessLocked } from "../sending/Sender";
import { VERDICTS } from "../sending/kept";
import { LocalStore } from "../sending/LocalStore";
import { texts } from "../texts";

/** The form as it stands. */
export interface Typed {
  verdict: Verdict | null;
  label: string | null;
  comment: string;
  /** The answer that was on the screen when the verdict was chosen; null while none was. */
  about: PredictionSeen | null;
}

export interface Given {
  body: ReviewChange;
  /** When it was given, in ISO 8601. */
  at: string;
  /** Id of the verdict that it replaces. */
  before: string | null;
}

interface KeptVerdict {
  typed: Typed;
  /** Given, and not known to be recorded. */
  given: Given | null;
  /** Why the server did not take it. */
  refusal: string;
}

export interface VerdictState {
  readonly typed: Typed;
  readonly given: Given | null;
  /** Whether it could not be sent at once. */
  readonly late: boolean;
  /** When one that was late was sent after all. */
  readonly sentAt: Date | null;
  /** Why it is not sent, or was refused. */
  readonly problem: Problem | null;
}

export interface Events {
  /** `late` if it could not be sent at once; `isOpen` while the scan is open on the page. */
  onRecorded: (given: Given, how: { late: boolean; isOpen: boolean }) => void;
  onRefused: (problem: Problem, how: { isOpen: boolean }) => void;
}

const NOTHING: Typed = { verdict: null, label: null, comment: "", about: null };
const EMPTY: VerdictState = {
  typed: NOTHING,
  given: null,
  late: false,
  sentAt: null,
  problem: null,
};
const verdicts = new LocalStore<KeptVerdict>(VERDICTS, "verdicts");

export class OwnVerdict {
  private state = EMPTY;
  private readonly listeners = new Set<() => void>();
  private readonly sender: Sender;
  /** After a call without an answer, or of another visit: nobody knows whether the server has it. */
  private inDoubt = false;
  private isOpen = false;

  constructor(
    private readonly user: string,
    private readonly scan: string,
    private readonly events: Events,
  ) {
    this.sender = new Sender(
      lockOf(scan),
      () => this.send(),
      (problem) => this.set({ late: true, problem }),
    );
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): VerdictState => this.state;

  /** Brings back what was kept. `shown` is the answer on the screen: a choice that was about another is not kept. */
  async load(shown: PredictionSeen | null): Promise<void> {
    this.isOpen = true;
    await this.sender.hold();
    await this.restore(shown);
    void this.sender.flush();
  }

  /** Sends what was kept while the scan is not open. */
  async catchUp(): Promise<void> {
    await this.restore(null);
    await this.sender.flush();
    this.sender.stop();
  }

  type(values: Partial<Typed>): void {
    const problem = values.verdict ? null : this.state.problem;
    this.set({ typed: { ...this.state.typed, ...values }, problem, sentAt: null });
    void this.keep();
  }

  /** Drops what is typed. */
  drop(): void {
    this.set({ typed: NOTHING, problem: null });
    void this.keep();
  }

  /** Gives the verdict: at once into this browser, then to the server. Resolves when that was tried. */
  async give(body: ReviewChange, before: string | null): Promise<void> {
    const given = { body, at: new Date().toISOString(), before };
    this.set({ given, late: false, sentAt: null, problem: null });
    await this.keep();
    await this.sender.flush();
  }

  /** Takes back one that waits, to be changed. */
  takeBack(): void {
    this.set({ given: null, late: false, problem: null });
    void this.keep();
  }

  /** Sends now what waits. Resolves when that was tried. */
  flush = async (): Promise<void> => {
    if (this.state.given) await this.sender.flush();
  };

  stop(): void {
    this.isOpen = false;
    this.sender.finish();
  }

  private async restore(shown: PredictionSeen | null): Promise<void> {
    const kept = await verdicts.get(this.user, this.scan);
    // What the reader typed before this was loaded stays.
    if (kept && isEmpty(this.state.typed) && !this.state.given) {
      const { given, refusal } = kept;
      const stale =
        !given && kept.typed.verdict !== null && shown && !isSamePrediction(kept.typed.about, shown);
      const why = stale ? texts.reading.changedSince : refusal;
      this.set({
        typed: stale ? { ...kept.typed, verdict: null, about: null } : kept.typed,
        given,
        late: given !== null,
        problem: why ? new Problem(why, "refused", 409) : null,
      });
      this.inDoubt = given !== null;
    }
  }

  private async keep(): Promise<void> {
    const { typed, given, problem } = this.state;
    try {
      if (given || !isEmpty(typed)) {
        const refusal = given ? "" : (problem?.message ?? "");
        await verdicts.keep(this.user, this.scan, { typed, given, refusal });
      } else await verdicts.drop(this.user, this.scan);
    } catch {
      // A full disk, or a browser that keeps nothing: the verdict goes to the server all the same.
    }
  }

  private async send(): Promise<void> {
    const { given } = this.state;
    if (!given) return;
    await checkSignedIn(this.user);
    try {
      if (!this.inDoubt || !(await this.hasArrived(given))) await this.post(given);
    } catch (error) {
      if (!(error instanceof Problem) || error.isTemporary || error.status === 401) throw error;
      await this.refuse(given, error);
      return this.sendWhatCameMeanwhile();
    }
    this.inDoubt = false;
    const { late } = this.state;
    if (this.state.given === given) {
      this.set({ typed: NOTHING, given: null, late: false, problem: null, sentAt: late ? new Date() : null });
      await this.keep();
    }
    this.events.onRecorded(given, { late, isOpen: this.isOpen });
    return this.sendWhatCameMeanwhile();
  }

  /** A verdict given during an attempt is sent in the same attempt. */
  private async sendWhatCameMeanwhile(): Promise<void> {
    if (this.state.given) await this.send();
  }

  private async post({ body }: Given): Promise<void> {
    try {
      await giveReview(this.scan, body, AbortSignal.timeout(ANSWER_WITHIN_MS));
    } catch (error) {
      this.inDoubt ||= !(error instanceof Problem) || error.status === 0 || error.status >= 500;
      throw error;
    }
  }

  /** Whether the server has it after all. Raises a Problem if it has another that was given meanwhile. */
  private async hasArrived({ body, before }: Given): Promise<boolean> {
    const { own } = await readingOf(this.scan, AbortSignal.timeout(ANSWER_WITHIN_MS));
    if (!own || own.id === before) return false;
    if (isSameVerdict(own, body)) return true;
    throw new Problem(texts.reading.givenElsewhere, "given_elsewhere", 409);
  }

  /** The reader is to look at it again: what was typed is theirs to change. */
  private async refuse(given: Given, problem: Problem): Promise<void> {
    this.inDoubt = false;
    if (this.state.given !== given) return;
    const gone = problem.status === 404;
    const { typed } = this.state;
    const chosen = problem.code === "prediction_changed" ? { ...typed, verdict: null, about: null } : typed;
    this.set({ typed: gone ? NOTHING : chosen, given: null, late: false, problem });
    await this.keep();
    this.events.onRefused(problem, { isOpen: this.isOpen });
  }

  private set(values: Partial<VerdictState>): void {
    this.state = { ...this.state, ...values };
    for (const listener of this.listeners) listener();
  }
}

/**
 * Sends the verdicts of this person that could not be sent before, on any scan that nobody has open; returns how many
 * are left.
 */
export async function sendVerdicts(user: string, eventsOf: (scan: string) => Events): Promise<number> {
  for (const scan of await waiting(user)) {
    await unlessLocked(lockOf(scan), async () => {
      const verdict = new OwnVerdict(user, scan, eventsOf(scan));
      await verdict.catchUp();
    });
  }
  return (await waiting(user)).length;
}

export function isEmpty({ verdict, label, comment }: Typed): boolean {
  return verdict === null && label === null && comment.trim() === "";
}

async function waiting(user: string): Promise<string[]> {
  const scans = await verdicts.scans(user);
  const kept = await Promise.all(scans.map((scan) => verdicts.get(user, scan)));
  return scans.filter((_, index) => kept[index]?.given);
}

function isSameVerdict(review: Review, { verdict, label, comment }: ReviewChange): boolean {
  return (
    review.comment.normalize() === comment.normalize() &&
    (verdict === undefined || review.verdict === verdict) &&
    (label === undefined || review.label === label)
  );
}

function isSamePrediction(first: PredictionSeen | null, second: PredictionSeen): boolean {
  if (first?.label !== second.label || first.model_version !== second.model_version) return false;
  // What was kept by an earlier version of the page says nothing of the state.
  return first.state === undefined || first.state === second.state;
}

function lockOf(scan: string): string {
  return `retinote-verdict-${scan}`;
}
