/** Keeps a drawing in step with the server: soon after each change, one call after another, until all is saved. */

import { json } from "../api/client";
import { Problem } from "../api/problem";
import type { Annotation } from "../api/types";
import { type Draft, dropDraft, keepDraft, keptDraft, type Saved, scansWithDrafts } from "./drafts";
import { isUnsaved, merge, shapeOf } from "./merge";
import { sameContent, type Shape } from "./shapes";
import { toSelector } from "./w3c";

const PAUSE_MS = 800;
const LONGEST_PAUSE_MS = 30_000;

/** "unsaved" is kept in this browser and tried again; "refused" is what the server will not take as it is. */
export type SaveState = "saved" | "saving" | "unsaved" | "refused";

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

export class Sync {
  private shapes: readonly Shape[] = [];
  private saved: Record<string, Saved> = {};
  private readonly refused = new Map<string, Shape>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | null = null;
  private pause = PAUSE_MS;
  /** After a call without an answer: nobody knows whether the server has made the shape. */
  private inDoubt = false;
  private stopped = false;
  private release = (): void => undefined;

  constructor(
    private readonly user: string,
    private readonly scan: string,
    private readonly events: Events,
  ) {}

  /** What the server has, with what this browser has kept on top. Offline, the latter alone. */
  async load(): Promise<Loaded> {
    await this.hold();
    return this.merged();
  }

  /** Sends what was kept, without anybody looking. */
  async catchUp(): Promise<void> {
    await this.merged();
    await this.flush();
  }

  private async merged(): Promise<Loaded> {
    const draft = await keptDraft(this.user, this.scan);
    let annotations: Annotation[];
    try {
      annotations = await json<Annotation[]>(this.path);
    } catch (error) {
      if (!draft || !(error instanceof Problem) || !error.passes) throw error;
      this.take(draft);
      this.inDoubt = true;
      this.report("unsaved", error);
      this.schedule(this.pause);
      return { shapes: draft.shapes, others: [], conflict: false };
    }
    const merged = merge(
      annotations.filter((annotation) => annotation.mine),
      draft,
    );
    this.take(merged);
    await this.keep();
    if (isUnsaved(this.draft)) this.schedule(0);
    return {
      shapes: merged.shapes,
      others: annotations.filter((annotation) => !annotation.mine),
      conflict: merged.conflict,
    };
  }

  async loadOthers(): Promise<Annotation[]> {
    return (await json<Annotation[]>(this.path)).filter((annotation) => !annotation.mine);
  }

  /** Takes the drawing as it stands now: at once into this browser, and soon to the server. */
  replace(shapes: readonly Shape[]): void {
    this.shapes = shapes;
    void this.keep();
    if (!isUnsaved(this.draft)) return this.report("saved");
    this.report("saving");
    this.pause = PAUSE_MS;
    this.schedule(PAUSE_MS);
  }

  /** Sends now what is not saved. Resolves when it was tried. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.running ??= this.send().finally(() => (this.running = null));
    await this.running;
  }

  stop(): void {
    this.stopped = true;
    this.release();
    clearTimeout(this.timer);
  }

  /** Keeps sendLeftovers away from this scan, in all tabs, until `stop`. */
  private async hold(): Promise<void> {
    if (this.stopped || !("locks" in navigator)) return;
    await new Promise<void>((held) => {
      void navigator.locks.request(lockOf(this.scan), { mode: "shared" }, () => {
        held();
        return this.stopped ? undefined : new Promise<void>((release) => (this.release = release));
      });
    });
  }

  private get path(): string {
    return `scans/${this.scan}/annotations/`;
  }

  private get draft(): Draft {
    return { shapes: this.shapes, saved: this.saved };
  }

  private take({ shapes, saved }: Draft): void {
    this.shapes = shapes;
    this.saved = { ...saved };
  }

  private async keep(): Promise<void> {
    if (isUnsaved(this.draft)) await keepDraft(this.user, this.scan, this.draft);
    else await dropDraft(this.user, this.scan);
  }

  private report(state: SaveState, problem: Problem | null = null): void {
    this.events.onState(state, problem);
  }

  private schedule(pause: number): void {
    clearTimeout(this.timer);
    if (!this.stopped) this.timer = setTimeout(() => void this.flush(), pause);
  }

  private async send(): Promise<void> {
    try {
      if (this.inDoubt) await this.adoptLost();
      for (let next = this.pending(); next; next = this.pending()) {
        this.report("saving");
        await next();
        await this.keep();
      }
      this.pause = PAUSE_MS;
      if (this.refused.size === 0) this.report("saved");
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(String(error), "unexpected", 0);
      this.report("unsaved", problem);
      this.pause = Math.min(2 * this.pause, LONGEST_PAUSE_MS);
      this.schedule(this.pause);
    }
  }

  /** The next call that is needed; null when all is said. */
  private pending(): (() => Promise<void>) | null {
    const here = new Set(this.shapes.map((shape) => shape.key));
    const gone = Object.keys(this.saved).find((key) => !here.has(key));
    if (gone !== undefined) return () => this.remove(gone);
    for (const shape of this.shapes) {
      const before = this.saved[shape.key];
      if (before && sameContent(before.shape, shape)) continue;
      const refused = this.refused.get(shape.key);
      if (refused && sameContent(refused, shape)) continue;
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
    try {
      const answer = before
        ? await json<Annotation>(`annotations/${before.id}/`, {
            method: "PUT",
            body,
            headers: { "If-Match": `"${before.revision}"` },
          })
        : await json<Annotation>(this.path, { method: "POST", body });
      this.saved[shape.key] = { id: answer.id, revision: answer.revision, shape };
      this.refused.delete(shape.key);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (before && error.status === 412) await this.separate(shape.key, before);
      else if (before && error.status === 404) delete this.saved[shape.key];
      else if (error.passes || error.status === 401) {
        this.inDoubt ||= !before;
        throw error;
      } else {
        this.refused.set(shape.key, shape);
        this.report("refused", error);
      }
    }
  }

  private async remove(key: string): Promise<void> {
    const before = this.saved[key]!;
    try {
      await json(`annotations/${before.id}/`, {
        method: "DELETE",
        headers: { "If-Match": `"${before.revision}"` },
      });
    } catch (error) {
      if (!(error instanceof Problem) || error.passes || error.status === 401) throw error;
      if (error.status === 412) return this.separate(key, before);
      if (error.status !== 404) this.report("refused", error);
    }
    delete this.saved[key];
  }

  /** Somebody has changed the shape elsewhere: theirs stays as it is, and what was made here is a shape of its own. */
  private async separate(key: string, before: Saved): Promise<void> {
    const annotation = await json<Annotation>(`annotations/${before.id}/`);
    const theirs = shapeOf(annotation);
    delete this.saved[key];
    if (!theirs) return;
    this.saved[theirs.key] = { id: annotation.id, revision: annotation.revision, shape: theirs };
    this.shapes = [...this.shapes, theirs];
    this.events.onConflict(theirs);
  }

  /** Looks which of the new shapes the server has after all, although its answer did not come. */
  private async adoptLost(): Promise<void> {
    const known = new Set(Object.values(this.saved).map(({ id }) => id));
    for (const annotation of await json<Annotation[]>(this.path)) {
      if (!annotation.mine || known.has(annotation.id)) continue;
      const theirs = shapeOf(annotation);
      const own = this.shapes.find((shape) => theirs && !this.saved[shape.key] && sameContent(shape, theirs));
      if (own) this.saved[own.key] = { id: annotation.id, revision: annotation.revision, shape: own };
    }
    this.inDoubt = false;
  }
}

/**
 * Sends what this person has drawn on any scan and could not be saved before. A scan that is open, here or in another
 * tab, is left to who has it open: two who send the same shape would make two of it.
 */
export async function sendLeftovers(user: string): Promise<void> {
  for (const scan of await scansWithDrafts(user)) {
    if (!("locks" in navigator)) return;
    await navigator.locks.request(lockOf(scan), { ifAvailable: true }, async (lock) => {
      if (!lock) return;
      const sync = new Sync(user, scan, { onState: () => undefined, onConflict: () => undefined });
      try {
        await sync.catchUp();
      } catch {
        // It stays in this browser, for the next time that the scan is opened.
      } finally {
        sync.stop();
      }
    });
  }
}

function lockOf(scan: string): string {
  return `retinote-drawing-${scan}`;
}
