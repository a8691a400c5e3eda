/** Drawing and changing shapes on a scan, by pointer and keyboard. One module, as both act on the same state. */

import type { Annotation, Region } from "../../api/types";
import { texts } from "../../texts";
import { addVertex, type Drawn, dropVertex, finished, follow, start } from "../draft";
import type { Drawing } from "../Drawing";
import { handlesOf, moved, moveHandle, withoutVertex, withVertex } from "../editing";
import { shapeAt } from "../outline";
import { type Geometry, KINDS } from "../kinds";
import { clamp, type Scale, type Size } from "../plane";
import type { Shape } from "../shapes";
import type { Pointed, PointerUser, PictureCanvas } from "./PictureCanvas";
import { ShapeLayers } from "./ShapeLayers";

/** How near to a line or handle is on it, in pixels of the screen. */
const REACH_PX = { mouse: 8, pen: 12, touch: 22 };
/** A pointer that moves less than this, in pixels of the screen, has clicked. */
const CLICK_WITHIN_PX = 4;

/** What the pointer is doing to a shape that is there. */
interface Edit {
  shape: Shape;
  /** Null when the whole shape is moved. */
  handle: number | null;
  from: Pointed;
  geometry: Geometry;
}

export class DrawingCanvas implements PointerUser {
  private readonly layers: ShapeLayers;
  private shownShapes: readonly Shape[] | null = null;
  private shownSelected: string | null = null;
  private drawn: Drawn | null = null;
  private downAt: Pointed | null = null;
  /** Whether the pointer is down on a corner that closes the polygon. */
  private closes = false;
  private edit: Edit | null = null;
  private vertex: number | null = null;
  private cursor: { x: number; y: number } | null = null;
  private readonly unsubscribe: () => void;

  constructor(
    private readonly canvas: PictureCanvas,
    private readonly drawing: Drawing,
    private readonly size: Size,
    /** Tells screen readers what has happened. */
    private readonly announce: (text: string) => void,
  ) {
    this.layers = new ShapeLayers(canvas.stage, canvas.viewport.zoom);
    canvas.user = this;
    drawing.pen = this;
    this.unsubscribe = drawing.subscribe(() => this.refresh());
    this.refresh();
  }

  destroy(): void {
    this.unsubscribe();
    this.canvas.user = null;
    this.drawing.pen = null;
    this.layers.destroy();
  }

  /** The size of a pixel, in which calipers measure. */
  setScale(scale: Scale): void {
    this.layers.setScale(scale);
    this.shownShapes = null;
    this.refresh();
  }

  /** Outlines what the model looked at and what others drew. */
  showBelow(regions: readonly Region[], others: readonly Annotation[]): void {
    this.layers.showBelow(regions, others);
  }

  // The pointer

  down(at: Pointed): boolean {
    const { tool } = this.drawing.snapshot();
    this.cursor = null;
    if (tool === "hand") return false;
    this.downAt = at;
    if (tool === "select") return this.grab(at);
    if (this.isRefused()) return true;
    const [x, y] = this.onScan(at);
    this.closes = this.isClosedAt(x, y, REACH_PX[at.pointer] / this.zoom);
    if (!this.drawn) this.drawn = start(tool, x, y);
    else if (this.drawnBy === "corners" && !this.closes) this.drawn = addVertex(this.drawn, x, y);
    else this.drawn = follow(this.drawn, x, y);
    this.showInHand();
    return true;
  }

  move(places: Pointed[]): void {
    const at = places.at(-1)!;
    if (this.edit) {
      const { shape, handle, from } = this.edit;
      const geometry =
        handle === null
          ? moved(shape.geometry, at.x - from.x, at.y - from.y, this.size)
          : moveHandle(shape.geometry, handle, at.x, at.y, this.size);
      this.edit = { ...this.edit, geometry };
    } else if (this.drawn) {
      for (const place of places) this.drawn = follow(this.drawn, ...this.onScan(place));
    }
    this.showInHand();
  }

  up(at: Pointed): void {
    if (this.edit) {
      const { shape, geometry } = this.edit;
      this.edit = null;
      if (geometry !== shape.geometry && this.isMoved(at)) this.drawing.change(shape.key, { geometry });
      else this.showInHand();
      return;
    }
    const { drawn } = this;
    if (!drawn || (this.drawnBy === "corners" && !this.closes)) return;
    // One click sets the first corner, another the second: nobody has to hold a button down.
    if (!this.isMoved(at) && this.drawnBy === "drag" && finished(drawn) === null) return;
    this.finish();
  }

  cancel(): void {
    this.edit = null;
    if (!this.drawn || this.drawnBy !== "corners") this.drawn = null;
    else if (!this.closes) this.drawn = dropVertex(this.drawn);
    this.showInHand();
  }

  hover(at: Pointed): void {
    if (!this.drawn || this.drawnBy === "line") return;
    this.drawn = follow(this.drawn, ...this.onScan(at));
    this.showInHand();
  }

  doubleClick(): void {
    if (this.isDrawing) this.finish();
  }

  // The keyboard

  /** Whether something is being drawn, which Escape gives up and Backspace takes a step back in. */
  get isDrawing(): boolean {
    return this.drawn !== null || this.cursor !== null;
  }

  /** Keys go to the scan from now on. */
  focus(): void {
    this.canvas.stage.container().focus({ preventScroll: true });
  }

  /** Whether a shape has been begun: it is in no list yet. */
  get isUnfinished(): boolean {
    return this.drawn !== null;
  }

  /** Gives up what is being drawn. */
  giveUp(): void {
    this.drawn = null;
    this.cursor = null;
    this.showInHand();
  }

  stepBack(): void {
    if (this.drawn) this.drawn = dropVertex(this.drawn);
    this.showInHand();
  }

  /** Sets a corner or vertex where the cross is; the first time it comes up in the middle of what is seen. */
  enter(): void {
    const { tool } = this.drawing.snapshot();
    if (tool === "hand" || tool === "select" || this.isRefused()) return;
    if (this.drawn && !this.cursor) return this.finish(); // drawn by pointer
    if (!this.cursor) {
      const { width, height } = this.canvas.stage.size();
      const middle = this.canvas.viewport.toScan(width / 2, height / 2);
      this.cursor = { x: Math.round(middle.x), y: Math.round(middle.y) };
      this.cursor = { x: clamp(this.cursor.x, this.size.width), y: clamp(this.cursor.y, this.size.height) };
      this.announce(texts.drawing.cursorAt(this.cursor.x, this.cursor.y));
      return this.showInHand();
    }
    const { x, y } = this.cursor;
    if (!this.drawn) {
      this.drawn = start(tool, x, y);
      this.announce(texts.drawing.cornerAt(x, y));
      if (KINDS[tool].drawnBy === "click") this.finish();
    } else if (this.drawnBy === "corners") {
      if (this.isClosedAt(x, y, 0.5)) this.finish();
      else {
        this.drawn = addVertex(this.drawn, x, y);
        this.announce(texts.drawing.cornerAt(x, y));
      }
    } else {
      this.drawn = follow(this.drawn, x, y);
      this.finish();
    }
    this.showInHand();
  }

  /** Moves the cross, else the chosen vertex, else the selected shape. Returns whether there was one. */
  nudge(dx: number, dy: number): boolean {
    if (this.cursor) {
      const x = clamp(this.cursor.x + dx, this.size.width);
      const y = clamp(this.cursor.y + dy, this.size.height);
      this.cursor = { x, y };
      if (this.drawn) this.drawn = follow(this.drawn, x, y);
      this.announce(texts.drawing.cursorAt(x, y));
      this.showInHand();
      return true;
    }
    const shape = this.selected;
    if (!shape || !this.drawing.mayDraw) return false;
    const handle = this.vertex === null ? undefined : handlesOf(shape.geometry)[this.vertex];
    const geometry = handle
      ? moveHandle(shape.geometry, this.vertex!, handle.x + dx, handle.y + dy, this.size)
      : moved(shape.geometry, dx, dy, this.size);
    this.drawing.change(shape.key, { geometry });
    return true;
  }

  /** Chooses the next vertex or corner of the selected shape, to be moved by the arrow keys. */
  nextVertex(): void {
    const count = this.selected
      ? handlesOf(this.selected.geometry).filter(({ role }) => role === "vertex").length
      : 0;
    if (count === 0) return;
    this.vertex = this.vertex === null ? 0 : this.vertex + 1 < count ? this.vertex + 1 : null;
    this.announce(
      this.vertex === null ? texts.drawing.wholeShape : texts.drawing.vertex(this.vertex + 1, count),
    );
    this.showInHand();
  }

  /** Deletes the chosen vertex, else the selected shape. */
  remove(): void {
    const shape = this.selected;
    if (!shape) return;
    const geometry = this.vertex === null ? null : withoutVertex(shape.geometry, this.vertex);
    this.vertex = null;
    if (geometry) this.drawing.change(shape.key, { geometry });
    else {
      this.drawing.remove(shape.key);
      this.announce(texts.drawing.deleted);
    }
  }

  // Shared by both

  /** Whether nothing can be drawn yet: a shape that is begun must not vanish when it is finished. */
  private isRefused(): boolean {
    if (this.drawing.takesShapes) return false;
    this.announce(texts.drawing.notYet);
    return true;
  }

  private get zoom(): number {
    return this.canvas.viewport.zoom();
  }

  private get selected(): Shape | undefined {
    const { shapes, selected } = this.drawing.snapshot();
    return shapes.find((shape) => shape.key === selected);
  }

  /** How the shape is drawn that has been begun. */
  private get drawnBy(): string | null {
    return this.drawn && KINDS[this.drawn.tool].drawnBy;
  }

  private onScan({ x, y }: Pointed): [number, number] {
    return [clamp(x, this.size.width), clamp(y, this.size.height)];
  }

  private isMoved(at: Pointed): boolean {
    const from = this.downAt;
    return from !== null && Math.hypot(at.x - from.x, at.y - from.y) * this.zoom >= CLICK_WITHIN_PX;
  }

  /** Takes a handle of the selected shape, else the shape there; false for a place without one. */
  private grab(at: Pointed): boolean {
    const reach = REACH_PX[at.pointer] / this.zoom;
    const selected = this.selected;
    if (selected && this.drawing.mayDraw) {
      const handles = handlesOf(selected.geometry);
      const index = handles.findIndex(({ x, y }) => Math.hypot(x - at.x, y - at.y) <= reach);
      const handle = handles[index];
      if (handle) {
        const vertices = handles.filter(({ role }) => role === "vertex").length;
        const isNew = handle.role === "new";
        const geometry = isNew ? withVertex(selected.geometry, index - vertices) : selected.geometry;
        this.vertex = isNew ? index - vertices + 1 : index;
        this.edit = { shape: { ...selected, geometry }, handle: this.vertex, from: at, geometry };
        this.showInHand();
        return true;
      }
    }
    const shape = shapeAt(this.drawing.snapshot().shapes, at.x, at.y, reach);
    this.drawing.select(shape?.key ?? null);
    if (!shape) return false;
    if (this.drawing.mayDraw) this.edit = { shape, handle: null, from: at, geometry: shape.geometry };
    return true;
  }

  /** Whether a vertex there closes the polygon that is drawn: it is on the first or the last one. */
  private isClosedAt(x: number, y: number, reach: number): boolean {
    if (!this.drawn || this.drawnBy !== "corners") return false;
    const { points } = this.drawn;
    const near = (at: number) => Math.hypot(points.at(at)! - x, points.at(at + 1)! - y) <= reach;
    return points.length >= 6 && (near(0) || near(-2));
  }

  /** Puts what was drawn among the shapes; nothing when it would be nothing. */
  private finish(): void {
    const geometry = this.drawn && finished(this.drawn);
    this.drawn = null;
    if (geometry) {
      this.drawing.add(geometry);
      this.announce(texts.drawing.added(texts.drawing.kinds[geometry.kind]));
    }
    this.showInHand();
  }

  /** Brings the layers in step with the drawing. */
  private refresh(): void {
    const { shapes, selected, tool } = this.drawing.snapshot();
    if (selected !== this.shownSelected) this.vertex = null;
    if (this.drawn && this.drawn.tool !== tool) this.giveUp();
    if (shapes === this.shownShapes && selected === this.shownSelected) return;
    this.shownShapes = shapes;
    this.shownSelected = selected;
    this.layers.showShapes(shapes, selected);
    this.showInHand();
  }

  private showInHand(): void {
    const { edit, selected, drawn, vertex, cursor } = this;
    const shape = edit ? { ...edit.shape, geometry: edit.geometry } : selected;
    const index = this.drawing.snapshot().shapes.findIndex(({ key }) => key === shape?.key);
    const hasHandles = this.drawing.mayDraw;
    this.layers.showInHand({ selected: shape ? { shape, index } : null, hasHandles, vertex, drawn, cursor });
  }
}
