/** One person's drawing on one scan: its shapes, what is selected, every step, and whether it is saved. */

import { Problem } from "../api/problem";
import type { Annotation } from "../api/types";
import { RepeatedTask } from "../sending/RepeatedTask";
import type { Tool } from "./draft";
import { begin, everywhere, type History, redo, step, undo } from "./history";
import type { Geometry } from "./kinds";
import { newShape, type Shape } from "./shapes";
import { type SaveState, Sync } from "./sync";

export interface DrawingState {
  readonly loaded: boolean;
  readonly shapes: readonly Shape[];
  readonly others: readonly Annotation[];
  readonly selected: string | null;
  readonly tool: Tool;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly saveState: SaveState;
  /** Why something is not saved, or could not be loaded. */
  readonly problem: Problem | null;
  /** Whether a shape was changed elsewhere, too. */
  readonly conflict: boolean;
}

const EMPTY: DrawingState = {
  loaded: false,
  shapes: [],
  others: [],
  selected: null,
  tool: "select",
  canUndo: false,
  canRedo: false,
  saveState: "loading",
  problem: null,
  conflict: false,
};

export class Drawing {
  private state = EMPTY;
  private history: History<readonly Shape[]> = begin([]);
  private readonly listeners = new Set<() => void>();
  private readonly sync: Sync;
  private readonly loading = new RepeatedTask(() => this.tryToLoad());
  private stopped = false;
  /** The canvas on which pointer and keys draw; null while no picture is shown. */
  pen: { readonly isDrawing: boolean; focus: () => void } | null = null;

  /** `mayDraw` is false for users who only look. */
  constructor(
    user: string,
    scan: string,
    readonly mayDraw: boolean,
  ) {
    this.sync = new Sync(user, scan, {
      onState: (saveState, problem) => this.set({ saveState, problem }),
      onConflict: (theirs) => {
        this.history = everywhere(this.history, (shapes) => [...shapes, theirs]);
        this.set({ ...this.fromHistory(), conflict: true });
      },
    });
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  snapshot = (): DrawingState => this.state;

  /** Whether shapes can be drawn: not before those that are there are known, as they could be saved nowhere. */
  get takesShapes(): boolean {
    return this.mayDraw && this.state.loaded;
  }

  /** Loads what was drawn; again after a growing pause while the server can't be reached. */
  load(): void {
    void this.loading.now();
  }

  /** Looks again for what others drew: more may be seen after a verdict. */
  async loadOthers(): Promise<void> {
    try {
      this.set({ others: await this.sync.loadOthers() });
    } catch {
      // What is shown stays; the next visit finds the rest.
    }
  }

  add(geometry: Geometry, label = ""): void {
    const shape = newShape(geometry, label);
    this.commit([...this.state.shapes, shape], shape.key);
  }

  change(key: string, values: Partial<Omit<Shape, "key">>): void {
    this.commit(
      this.state.shapes.map((shape) => (shape.key === key ? { ...shape, ...values } : shape)),
      this.state.selected,
    );
  }

  remove(key: string): void {
    const at = this.state.shapes.findIndex((shape) => shape.key === key);
    const shapes = this.state.shapes.filter((shape) => shape.key !== key);
    this.commit(shapes, shapes[Math.min(at, shapes.length - 1)]?.key ?? null);
  }

  undo = (): void => this.travel(undo(this.history));

  redo = (): void => this.travel(redo(this.history));

  select(key: string | null): void {
    if (key !== this.state.selected) this.set({ selected: key });
  }

  setTool(tool: Tool): void {
    if (this.mayDraw || tool === "hand" || tool === "select") {
      this.set({ tool, selected: tool === "select" ? this.state.selected : null });
    }
  }

  /**
   * Puts the tool away, unless a shape is being drawn with it, and the focus on the scan: Enter is for something else
   * now, and not for the button that was pressed last.
   */
  putToolAway(): void {
    if (!this.pen?.isDrawing) this.setTool("select");
    this.pen?.focus();
  }

  /** Loads or sends now what could not be before, as when the network is back. Resolves when sending was tried. */
  flush = async (): Promise<void> => {
    if (!this.state.loaded) this.load();
    else if (this.state.saveState !== "saved") await this.sync.flush();
  };

  stop(): void {
    this.stopped = true;
    this.loading.rest();
    this.sync.finish();
  }

  /** Resolves to whether it need not be tried again. */
  private async tryToLoad(): Promise<boolean> {
    if (this.stopped || this.state.loaded) return true;
    try {
      const { shapes, others, conflict } = await this.sync.load();
      this.history = begin(shapes);
      this.set({ ...this.fromHistory(), loaded: true, others, conflict });
      return true;
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(String(error), "unexpected", 0);
      this.set({ problem });
      return this.stopped || !problem.isTemporary;
    }
  }

  private commit(shapes: readonly Shape[], selected: string | null): void {
    if (!this.takesShapes) return;
    this.history = step(this.history, shapes);
    this.set({ ...this.fromHistory(), selected });
    this.sync.replace(shapes);
  }

  private travel(history: History<readonly Shape[]>): void {
    if (history === this.history) return;
    this.history = history;
    this.set(this.fromHistory());
    this.sync.replace(history.present);
  }

  private fromHistory(): Pick<DrawingState, "shapes" | "selected" | "canUndo" | "canRedo"> {
    const { past, present, future } = this.history;
    const stays = present.some((shape) => shape.key === this.state.selected);
    return {
      shapes: present,
      selected: stays ? this.state.selected : null,
      canUndo: past.length > 0,
      canRedo: future.length > 0,
    };
  }

  private set(values: Partial<DrawingState>): void {
    this.state = { ...this.state, ...values };
    for (const listener of this.listeners) listener();
  }
}
