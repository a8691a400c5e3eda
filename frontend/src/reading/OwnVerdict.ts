/** One reader's verdict on one scan or volume: what is typed, and once it is given, its way to the server. */

import { Problem } from "../api/problem";
import { readingOf } from "../api/readings";
import { giveReview } from "../api/reviews";
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
  /** Id of the scan on which it was given: of a volume, the B-scan that stood for it then. */
  scan: string;
  body: ReviewChange;
  /** When it was given, in ISO 8601. */
  at: string;
  /** Id of the verdict that it replaces. */
  before: string | null;
  /** The form at that time; what an earlier version of the page has kept has none. */
  typed?: Typed;
}

/** As the browser's storage has it; what an earlier version of the page has kept there names no scan. */
interface KeptVerdict {
  typed: Typed;
  /** Id of the scan about which it was typed. */
  scan?: string;
  /** Given, and not known to be recorded. */
  given: (Omit<Given, "scan"> & { scan?: string }) | null;
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
  /** `review` is the server's; `late` if it could not be sent at once; `isOpen` while the scan is open on the page. */
  onRecorded: (given: Given, review: Review, how: { late: boolean; isOpen: boolean }) => void;
  onRefused: (problem: Problem, how: { scan: string; isOpen: boolean }) => void;
}

const NOTHING: Typed = { verdict: null, label: null, comment: "", about: null };
const EMPTY: VerdictState = {
  typed: NOTHING,
  given: null,
  late: false,
  sentAt: null,
  problem: null,
};
/** The codes of the refusals after which a reader has to choose anew. */
const ANOTHER_ANSWER = ["prediction_changed", "lead_moved"];
const verdicts = new LocalStore<KeptVerdict>(VERDICTS, "verdicts");

export class OwnVerdict {
  private state = EMPTY;
  private readonly listeners = new Set<() => void>();
  private readonly sender: Sender;
  /** After a call without an answer, or of another visit: nobody knows whether the server has it. */
  private inDoubt = false;
  private isOpen = false;
  private scan: string;

  /** `id` is that of the volume, else of the scan: the verdict is kept under it. */
  constructor(
    private readonly user: string,
    private readonly id: string,
    private readonly events: Events,
  ) {
    this.scan = id;
    this.sender = new Sender(
      lockOf(id),
      () => this.send(),
      (problem) => this.set({ late: true, problem }),
    );
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): VerdictState => this.state;

  /**
   * Brings back what was kept, for the form of this scan. `shown` is the answer on the screen: a choice that was about
   * another is not kept.
   */
  async load(scan: string, shown: PredictionSeen | null): Promise<void> {
    this.isOpen = true;
    this.scan = scan;
    await this.sender.hold();
    await this.restore(shown);
    void this.sender.flush();
  }

  /** Sends what was kept while the scan is not open. */
  async catchUp(): Promise<void> {
    await this.restore(null);
    this.scan = this.state.given?.scan ?? this.scan;
    await this.sender.flush();
    this.sender.stop();
  }

  /** Another B-scan stands for the volume: the text stays, the choice was about another answer. */
  moveTo(scan: string): void {
    if (scan === this.scan) return;
    this.scan = scan;
    const { typed, given, problem } = this.state;
    // One that is given is on its way: the server knows whether it still counts.
    if (given) return;
    this.set({
      typed: notChosen(typed),
      problem: typed.verdict === null ? problem : new Problem(texts.reading.movedSince, "refused", 409),
    });
    void this.keep();
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
    const { typed } = this.state;
    const given = { scan: this.scan, body, at: new Date().toISOString(), before, typed };
    this.set({ given, late: false, sentAt: null, problem: null });
    await this.keep();
    await this.sender.flush();
  }

  /** Takes back one that waits, to be changed. */
  takeBack(): void {
    const { typed, given } = this.state;
    this.set({
      typed: this.isOnAnother(given) ? notChosen(typed) : typed,
      given: null,
      late: false,
      problem: null,
    });
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
    const kept = await verdicts.get(this.user, this.id);
    // What the reader typed before this was loaded stays.
    if (kept && isEmpty(this.state.typed) && !this.state.given) {
      const { refusal } = kept;
      const given = kept.given && { ...kept.given, scan: kept.given.scan ?? this.id };
      const moved = (kept.scan ?? this.id) !== this.scan;
      const stale =
        !given &&
        kept.typed.verdict !== null &&
        (moved || (shown && !isSamePrediction(kept.typed.about, shown)));
      const why = stale ? (moved ? texts.reading.movedSince : texts.reading.changedSince) : refusal;
      this.set({
        typed: stale ? notChosen(kept.typed) : kept.typed,
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
        await verdicts.keep(this.user, this.id, { typed, scan: this.scan, given, refusal });
      } else await verdicts.drop(this.user, this.id);
    } catch {
      // A full disk, or a browser that keeps nothing: the verdict goes to the server all the same.
    }
  }

  private async send(): Promise<void> {
    const { given } = this.state;
    if (!given) return;
    await checkSignedIn(this.user);
    let review: Review;
    try {
      review = (this.inDoubt && (await this.arrived(given))) || (await this.post(given));
    } catch (error) {
      if (!(error instanceof Problem) || error.isTemporary || error.status === 401) throw error;
      await this.refuse(given, error);
      return this.sendWhatCameMeanwhile();
    }
    this.inDoubt = false;
    const { late, typed } = this.state;
    if (this.state.given === given) {
      // What the reader has typed since is a change of the verdict that is still to be given.
      const rest = !given.typed || isSameForm(typed, given.typed) ? NOTHING : typed;
      this.set({ typed: rest, given: null, late: false, problem: null, sentAt: late ? new Date() : null });
      await this.keep();
    }
    this.events.onRecorded(given, review, { late, isOpen: this.isOpen });
    return this.sendWhatCameMeanwhile();
  }

  /** A verdict given during an attempt is sent in the same attempt. */
  private async sendWhatCameMeanwhile(): Promise<void> {
    if (this.state.given) await this.send();
  }

  private async post({ scan, body }: Given): Promise<Review> {
    // Looking for what has arrived took a while, in which somebody else may have signed in in another tab.
    await checkSignedIn(this.user);
    try {
      return await giveReview(scan, body, AbortSignal.timeout(ANSWER_WITHIN_MS));
    } catch (error) {
      this.inDoubt ||= !(error instanceof Problem) || error.status === 0 || error.status >= 500;
      throw error;
    }
  }

  /** What the server has of it after all, or null. Raises a Problem if it has another that was given meanwhile. */
  private async arrived({ scan, body, before }: Given): Promise<Review | null> {
    const { own } = await readingOf(scan, AbortSignal.timeout(ANSWER_WITHIN_MS));
    if (!own || own.id === before) return null;
    if (isSameVerdict(own, body)) return own;
    throw new Problem(texts.reading.givenElsewhere, "given_elsewhere", 409);
  }

  /** The reader is to look at it again: what was typed is theirs to change. */
  private async refuse(given: Given, problem: Problem): Promise<void> {
    this.inDoubt = false;
    if (this.state.given !== given) return;
    const gone = problem.status === 404;
    const { typed } = this.state;
    const isPast = ANOTHER_ANSWER.includes(problem.code) || this.isOnAnother(given);
    const chosen = isPast ? notChosen(typed) : typed;
    this.set({ typed: gone ? NOTHING : chosen, given: null, late: false, problem });
    await this.keep();
    this.events.onRefused(problem, { scan: given.scan, isOpen: this.isOpen });
  }

  /** Whether it was given on another B-scan than stands for the volume by now. */
  private isOnAnother(given: Given | null): boolean {
    return given !== null && given.scan !== this.scan;
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
export async function sendVerdicts(user: string, events: Events): Promise<number> {
  for (const id of await waiting(user)) {
    await unlessLocked(lockOf(id), () => new OwnVerdict(user, id, events).catchUp());
  }
  return (await waiting(user)).length;
}

/** The text without the choice, which is to be made anew. */
function notChosen(typed: Typed): Typed {
  return { ...typed, verdict: null, about: null };
}

export function isEmpty({ verdict, label, comment }: Typed): boolean {
  return verdict === null && label === null && comment.trim() === "";
}

async function waiting(user: string): Promise<string[]> {
  const ids = await verdicts.scans(user);
  const kept = await Promise.all(ids.map((id) => verdicts.get(user, id)));
  return ids.filter((_, index) => kept[index]?.given);
}

function isSameVerdict(review: Review, { verdict, label, comment }: ReviewChange): boolean {
  return (
    review.comment.normalize() === comment.normalize() &&
    (verdict === undefined || review.verdict === verdict) &&
    (label === undefined || review.label === label)
  );
}

function isSameForm(first: Typed, second: Typed): boolean {
  return (["verdict", "label", "comment"] as const).every((name) => first[name] === second[name]);
}

function isSamePrediction(first: PredictionSeen | null, second: PredictionSeen): boolean {
  if (first?.label !== second.label || first.model_version !== second.model_version) return false;
  // What was kept by an earlier version of the page says nothing of the state.
  return first.state === undefined || first.state === second.state;
}

function lockOf(id: string): string {
  return `retinote-verdict-${id}`;
}
