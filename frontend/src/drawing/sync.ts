/** Keeps a drawing in step with the server: soon after each change, one call after another, until all is saved. */

import {
  annotation,
  annotationsOf,
  createAnnotation,
  deleteAnnotation,
  replaceAnnotation,
} from "../api/annotations";
import { Problem } from "../api/problem";
import type { Annotation } from "../api/types";
import { ANSWER_WITHIN_MS, checkSignedIn, Sender, unlessLocked } from "../sending/Sender";
import { type Draft, drafts, type Saved } from "./drafts";
import { isOwn, isUnsaved, keyOfLost, merge, shapeOf } from "./merge";
import { sameContent, type Shape } from "./shapes";
import { toSelector } from "./w3c";

/**
 * "loading" until it is known what the server has; "unsaved" is kept in this browser and tried again; "refused" is what
 * the server will not take as it is.
 */
export type SaveState = "loading" | "saved" | "saving" | "unsaved" | "refused";

export interface Loaded {
  shapes: readonly Shape[];
  /** What others drew and may be seen. */
  others: Annotation[];
  conflict: boolean;
}

interface Events {
  /** The state has changed; the problem says why something is not saved. */
  onState: (state: SaveState, problem: Problem | null) => void;
  /** The server has a newer form of a shape that was changed here, too: it comes beside the own. */
  onConflict: (theirs: Shape) => void;
}

interface Refusal {
  shape: Shape;
  problem: Problem;
}

export class Sync {
  private shapes: readonly Shape[] = [];
  private saved: Record<string, Saved> = {};
  private sent: Record<string, readonly Shape[]> = {};
  /** Shapes that the server refused, by their key. */
  private readonly refused = new Map<string, Refusal>();
  private readonly sender: Sender;
  /** True after a call without an answer: the server may or may not have made the shape. */
  private inDoubt = false;

  constructor(
    private readonly user: string,
    private readonly scan: string,
    private readonly events: Events,
  ) {
    this.sender = new Sender(
      lockOf(scan),
      () => this.send(),
      (problem) => this.report("unsaved", problem),
    );
  }

  /** What the server has, with what this browser has kept on top. Offline, the latter alone. */
  async load(): Promise<Loaded> {
    await this.sender.hold();
    return this.merged();
  }

  /** Sends what was kept while the scan is not open. */
  async catchUp(): Promise<void> {
    await this.merged();
    await this.flush();
  }

  private async merged(): Promise<Loaded> {
    const draft = await drafts.get(this.user, this.scan);
    let annotations: Annotation[];
    try {
      // Of another user the server would give other shapes, and what was kept here would be measured against them.
      await checkSignedIn(this.user);
      annotations = await annotationsOf(this.scan, AbortSignal.timeout(ANSWER_WITHIN_MS));
    } catch (error) {
      if (!draft || !(error instanceof Problem) || !error.isTemporary) throw error;
      this.take(draft);
      this.inDoubt = true;
      this.report("unsaved", error);
      this.sender.later();
      return { shapes: draft.shapes, others: [], conflict: false };
    }
    const merged = merge(
      annotations.filter(({ mine }) => mine),
      draft,
    );
    this.take(merged);
    await this.keep();
    const unsaved = isUnsaved(this.draft);
    this.report(unsaved ? "saving" : "saved");
    if (unsaved) void this.sender.flush();
    return {
      shapes: merged.shapes,
      others: annotations.filter(({ mine }) => !mine),
      conflict: merged.conflict,
    };
  }

  async loadOthers(): Promise<Annotation[]> {
    return (await annotationsOf(this.scan)).filter(({ mine }) => !mine);
  }

  /** Takes the drawing as it stands now: at once into this browser, and soon to the server. */
  replace(shapes: readonly Shape[]): void {
    this.shapes = shapes;
    void this.keep();
    if (!isUnsaved(this.draft)) return this.report("saved");
    this.report("saving");
    this.sender.soon();
  }

  /** Sends now what is not saved. Resolves when it was tried. */
  async flush(): Promise<void> {
    await this.sender.flush();
  }

  stop(): void {
    this.sender.stop();
  }

  /** Sends what is not saved, and stops: the scan is left. */
  finish(): void {
    this.sender.finish();
  }

  private get draft(): Draft {
    return { shapes: this.shapes, saved: this.saved, sent: this.sent };
  }

  private take({ shapes, saved, sent }: Draft): void {
    this.shapes = shapes;
    this.saved = { ...saved };
    this.sent = { ...sent };
  }

  private async keep(): Promise<void> {
    if (isUnsaved(this.draft)) await drafts.keep(this.user, this.scan, this.draft);
    else await drafts.drop(this.user, this.scan);
  }

  private report(state: SaveState, problem: Problem | null = null): void {
    this.events.onState(state, problem);
  }

  private async send(): Promise<void> {
    if (this.inDoubt) {
      await checkSignedIn(this.user);
      await this.adoptLost();
    }
    for (let next = this.pending(); next; next = this.pending()) {
      // Before each call: somebody else may have signed in in another tab since the last one.
      await checkSignedIn(this.user);
      this.report("saving");
      await next();
      await this.keep();
    }
    const [refusal] = this.refused.values();
    if (refusal) this.report("refused", refusal.problem);
    else this.report("saved");
  }

  /** The next call that is needed; null when the server has everything. */
  private pending(): (() => Promise<void>) | null {
    const here = new Set(this.shapes.map((shape) => shape.key));
    for (const key of this.refused.keys()) if (!here.has(key)) this.refused.delete(key);
    const gone = Object.keys(this.saved).find((key) => !here.has(key));
    if (gone !== undefined) return () => this.remove(gone);
    for (const shape of this.shapes) {
      const before = this.saved[shape.key];
      if (before && sameContent(before.shape, shape) && !this.sent[shape.key]) continue;
      const refused = this.refused.get(shape.key);
      if (refused && sameContent(refused.shape, shape)) continue;
      return () => this.put(shape, before);
    }
    return null;
  }

  private async put(shape: Shape, before: Saved | undefined): Promise<void> {
    const body = {
      target: { selector: toSelector(shape.geometry) },
      label: shape.label,
      comment: shape.comment,
    };
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    try {
      const answer = before
        ? await replaceAnnotation(before, body, signal)
        : await createAnnotation(this.scan, body, signal);
      this.saved[shape.key] = { id: answer.id, revision: answer.revision, shape };
      delete this.sent[shape.key];
      this.refused.delete(shape.key);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (before && error.status === 412) await this.separate(shape.key, before);
      else if (before && error.status === 404) delete this.saved[shape.key];
      else if (error.isTemporary || error.status === 401) {
        this.inDoubt ||= !before;
        await this.noteSent(shape.key, shape);
        throw error;
      } else {
        this.refused.set(shape.key, { shape, problem: error });
      }
    }
  }

  private async remove(key: string): Promise<void> {
    const before = this.saved[key]!;
    try {
      await deleteAnnotation(before, AbortSignal.timeout(ANSWER_WITHIN_MS));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.isTemporary || error.status === 401) {
        await this.noteSent(key, null);
        throw error;
      }
      if (error.status === 412) return this.separate(key, before);
      if (error.status !== 404) this.report("refused", error);
    }
    delete this.saved[key];
    delete this.sent[key];
  }

  /** Notes what went out without an answer; null is a deletion. */
  private async noteSent(key: string, shape: Shape | null): Promise<void> {
    const forms = this.sent[key] ?? [];
    const isNoted = shape === null || forms.some((form) => sameContent(form, shape));
    this.sent[key] = isNoted ? forms : [...forms, shape];
    await this.keep();
  }

  /**
   * The server has another form of the shape. It may be one that was sent from here, whose answer was lost. Else
   * somebody has changed it elsewhere: theirs stays as it is, and what was made here is a shape of its own.
   */
  private async separate(key: string, before: Saved): Promise<void> {
    const current = await annotation(before.id);
    const theirs = shapeOf(current);
    const own = theirs !== null && isOwn(theirs, key, this.draft);
    delete this.sent[key];
    if (own) {
      this.saved[key] = { id: current.id, revision: current.revision, shape: { ...theirs, key } };
      return;
    }
    delete this.saved[key];
    if (!theirs) return;
    this.saved[theirs.key] = { id: current.id, revision: current.revision, shape: theirs };
    this.shapes = [...this.shapes, theirs];
    this.events.onConflict(theirs);
  }

  /** Finds the new shapes that the server has although its answer did not arrive. */
  private async adoptLost(): Promise<void> {
    const found = await annotationsOf(this.scan, AbortSignal.timeout(ANSWER_WITHIN_MS));
    const known = new Set(Object.values(this.saved).map(({ id }) => id));
    const doubtful = Object.keys(this.sent).filter((key) => !this.saved[key]);
    for (const { mine, ...stored } of found) {
      if (!mine || known.has(stored.id)) continue;
      const theirs = shapeOf(stored);
      const key = theirs ? keyOfLost(theirs, this.draft) : undefined;
      if (theirs && key !== undefined) {
        this.saved[key] = { id: stored.id, revision: stored.revision, shape: { ...theirs, key } };
      }
    }
    for (const key of doubtful) delete this.sent[key];
    this.inDoubt = false;
    await this.keep();
  }
}

/** Sends what this person has drawn on any scan and could not be saved before; returns how many scans are left. */
export async function sendDrawings(user: string): Promise<number> {
  for (const scan of await drafts.scans(user)) {
    await unlessLocked(lockOf(scan), async () => {
      const sync = new Sync(user, scan, { onState: () => undefined, onConflict: () => undefined });
      try {
        await sync.catchUp();
      } catch {
        // It stays in this browser, for the next time.
      } finally {
        sync.stop();
      }
    });
  }
  return (await drafts.scans(user)).length;
}

function lockOf(scan: string): string {
  return `retinote-drawing-${scan}`;
}
