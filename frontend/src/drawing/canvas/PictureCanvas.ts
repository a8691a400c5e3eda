/** A scan with its heat map, large: moved, zoomed and windowed by mouse, pen and fingers. */

import { Layer } from "konva/lib/Layer";
import { Image as Picture } from "konva/lib/shapes/Image";
import { Stage } from "konva/lib/Stage";

import type { FindingLook } from "../../common/findings";
import type { Size } from "../plane";
import { findingNodes } from "./hatching";
import { deepLookup, type DeepPixels, type Ends, windowedDeep } from "./deep";
import {
  canvasOf,
  DEEP_REACH,
  FULL_WINDOW,
  type GreyWindow,
  REACH,
  showColoured,
  showWindowed,
  windowOf,
} from "./pictures";
import { Viewport } from "./Viewport";

/** A place on the scan, and how it was pointed at. */
export interface Pointed {
  x: number;
  y: number;
  pointer: "mouse" | "pen" | "touch";
}

/** Takes the pointer before it moves the picture. */
export interface PointerUser {
  /** Whether it wants to have this pointer until it is up. */
  down: (at: Pointed) => boolean;
  move: (at: Pointed[]) => void;
  up: (at: Pointed) => void;
  /** A second finger has come: what was begun with the first was not meant. */
  cancel: () => void;
  hover: (at: Pointed) => void;
  doubleClick: () => void;
}

interface Events {
  /** The view has moved or zoomed. Not called while the canvas is being made. */
  onView: (canvas: PictureCanvas) => void;
  onWindow: (window: GreyWindow) => void;
}

type Gesture = "user" | "pan" | "window" | "pinch";

const SMOOTH_BELOW_ZOOM = 2;

export class PictureCanvas {
  readonly stage: Stage;
  readonly viewport: Viewport;
  user: PointerUser | null = null;
  /** Takes the wheel, unless Ctrl or the command key is held; without it the wheel zooms. */
  scroller: ((deltaY: number) => void) | null = null;
  private readonly scan: Picture;
  private readonly heat: Picture;
  private readonly findings = new Layer({ listening: false });
  private readonly pictures = new Layer({ listening: false });
  private readonly fingers = new Map<number, { x: number; y: number }>();
  private gesture: { kind: Gesture; pointer: number; x: number; y: number } | null = null;
  private window = FULL_WINDOW;
  private pixels: ImageData | null = null;
  /** The values of the same picture in 16 bits, where they are here. */
  private deep: DeepPixels | null = null;
  /** Of pictures whose values in 16 bits can be had. */
  private ends: Ends | null = null;
  private lookup: { window: GreyWindow; ends: Ends; table: Uint8ClampedArray } | null = null;
  private frame = 0;
  private isMade = false;
  private panning = false;
  private heatShown = false;
  private takesKeys = false;
  private readonly observer: ResizeObserver;
  private readonly ended = new AbortController();

  constructor(
    private readonly container: HTMLDivElement,
    private readonly size: Size,
    private readonly events: Events,
  ) {
    this.stage = new Stage({
      container,
      width: container.clientWidth || 1,
      height: container.clientHeight || 1,
      listening: false,
    });
    this.viewport = new Viewport(this.stage, size, (zoom) => {
      this.pictures.imageSmoothingEnabled(zoom <= SMOOTH_BELOW_ZOOM);
      if (this.isMade) events.onView(this);
    });
    this.scan = new Picture({ image: undefined, ...size });
    this.heat = new Picture({ image: undefined, ...size, visible: false });
    this.pictures.add(this.scan, this.heat);
    this.stage.add(this.pictures, this.findings);
    this.viewport.fit();
    this.observer = new ResizeObserver(() => {
      this.viewport.resize(container.clientWidth || 1, container.clientHeight || 1);
    });
    this.observer.observe(container);
    this.listen();
    this.isMade = true;
  }

  setScan(pixels: ImageData): void {
    this.leaf(pixels, true);
  }

  /**
   * Shows another picture of the same size at once. Unless it is `settled`, what belongs to the picture before, such as
   * its heat map and drawings, is hidden until `setScan`.
   */
  leaf(pixels: ImageData, settled: boolean, deep: DeepPixels | null = null): void {
    if (pixels !== this.pixels || deep) this.deep = deep;
    const canvas = this.scan.image();
    const fits =
      canvas instanceof HTMLCanvasElement && canvas.width === pixels.width && canvas.height === pixels.height;
    if (!fits) this.scan.image(canvasOf(pixels));
    this.pixels = pixels;
    for (const layer of this.stage.getLayers()) if (layer !== this.pictures) layer.visible(settled);
    this.heat.visible(settled && this.heatShown);
    this.redrawScan();
  }

  /** Which values of 16 bits the picture shows black and white; null for one that has 8 bits alone. */
  setEnds(ends: Ends | null): void {
    this.ends = ends;
  }

  /** Windows the values of 16 bits of the picture that is shown in place of its 8 bits. */
  setDeep(deep: DeepPixels | null): void {
    this.deep = deep;
    this.redrawScan();
  }

  /** How far windows may reach. */
  get reach() {
    return this.ends ? DEEP_REACH : REACH;
  }

  get isWindowed(): boolean {
    return this.window !== FULL_WINDOW;
  }

  setHeat(pixels: ImageData | null): void {
    const canvas = pixels && canvasOf(pixels);
    if (pixels && canvas) showColoured(pixels, canvas);
    this.heat.image(canvas ?? undefined);
    this.pictures.batchDraw();
  }

  showHeat(visible: boolean, opacity: number): void {
    this.heatShown = visible;
    this.heat.visible(visible);
    this.heat.opacity(opacity);
    this.pictures.batchDraw();
  }

  /** Lets keys move and zoom the picture while it has the focus. */
  takeKeys(): void {
    this.takesKeys = true;
  }

  /** While it pans, the pointer moves the picture, whatever else could use it. */
  setPanning(panning: boolean): void {
    this.panning = panning;
  }

  /** Hatches what the model thinks it sees, by a map whose value n is the n-th of the kinds; null for nothing. */
  setFindings(map: ImageData | null, looks: readonly FindingLook[]): void {
    this.findings.destroyChildren();
    if (map) {
      const nodes = findingNodes(map, looks, this.size, this.viewport.zoom);
      if (nodes.length > 0) this.findings.add(...nodes);
    }
    this.findings.batchDraw();
  }

  setWindow(window: GreyWindow): void {
    this.window = window;
    this.events.onWindow(window);
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.redrawScan());
  }

  destroy(): void {
    cancelAnimationFrame(this.frame);
    this.ended.abort();
    this.observer.disconnect();
    this.stage.destroy();
  }

  private redrawScan(): void {
    const canvas = this.scan.image();
    if (this.pixels && canvas instanceof HTMLCanvasElement) {
      const { deep } = this;
      const table = deep && this.isWindowed ? this.deepTable() : null;
      if (deep && table) canvas.getContext("2d")!.putImageData(windowedDeep(deep, table), 0, 0);
      else showWindowed(this.pixels, canvas, this.window);
    }
    this.pictures.batchDraw();
  }

  private deepTable(): Uint8ClampedArray | null {
    const { ends, window } = this;
    if (!ends) return null;
    if (this.lookup?.window !== window || this.lookup.ends !== ends)
      this.lookup = { window, ends, table: deepLookup(window, ends) };
    return this.lookup.table;
  }

  private listen(): void {
    const on = <Name extends keyof HTMLElementEventMap>(
      name: Name,
      handler: (event: HTMLElementEventMap[Name]) => void,
    ) => this.container.addEventListener(name, handler, { signal: this.ended.signal, passive: false });
    on("pointerdown", (event) => this.onDown(event));
    on("pointermove", (event) => this.onMove(event));
    on("pointerup", (event) => this.onUp(event));
    on("pointercancel", (event) => this.onUp(event));
    on("dblclick", () => this.user?.doubleClick());
    on("keydown", (event) => this.onKey(event));
    on("contextmenu", (event) => event.preventDefault());
    on("wheel", (event) => {
      event.preventDefault();
      if (this.scroller && !event.ctrlKey && !event.metaKey) return this.scroller(event.deltaY);
      const { x, y } = this.place(event);
      // A notch of a wheel is about 100; touchpads send many small steps.
      this.viewport.zoomTo(this.viewport.zoom() * Math.exp(-event.deltaY / 400), x, y);
    });
  }

  private onKey(event: KeyboardEvent): void {
    if (!this.takesKeys || event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.viewport.moveByKey(event.key)) event.preventDefault();
  }

  private place(event: MouseEvent): { x: number; y: number } {
    const { left, top } = this.container.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }

  private pointed(event: PointerEvent): Pointed {
    const { x, y } = this.place(event);
    const pointer =
      event.pointerType === "pen" || event.pointerType === "touch" ? event.pointerType : "mouse";
    return { ...this.viewport.toScan(x, y), pointer };
  }

  private onDown(event: PointerEvent): void {
    // Otherwise keys would still go to the button that was pressed last.
    this.container.focus({ preventScroll: true });
    const at = this.place(event);
    if (event.pointerType === "touch") {
      // A hand that rests beside the pen is not meant.
      if (this.gesture && this.fingers.size === 0) return;
      this.fingers.set(event.pointerId, at);
      if (this.fingers.size === 2) {
        if (this.gesture?.kind === "user") this.user?.cancel();
        this.gesture = { kind: "pinch", pointer: event.pointerId, ...at };
        return;
      }
    }
    if (this.gesture) return;
    this.container.setPointerCapture(event.pointerId);
    this.gesture = { kind: this.gestureFor(event), pointer: event.pointerId, ...at };
    if (this.gesture.kind === "pan") event.preventDefault();
  }

  private gestureFor(event: PointerEvent): Gesture {
    if (event.button === 2) return "window";
    if (event.button === 1 || this.panning) return "pan";
    return this.user?.down(this.pointed(event)) ? "user" : "pan";
  }

  private onMove(event: PointerEvent): void {
    const at = this.place(event);
    const { gesture } = this;
    if (!gesture) return this.user?.hover(this.pointed(event));
    if (gesture.kind === "pinch") return this.pinch(event.pointerId, at);
    if (gesture.pointer !== event.pointerId) return;
    if (gesture.kind === "user") {
      // Over plain HTTP from another machine, browsers don't have it, whatever their types say.
      const all = event.getCoalescedEvents?.() ?? [];
      return this.user?.move((all.length > 0 ? all : [event]).map((each) => this.pointed(each)));
    }
    const [dx, dy] = [at.x - gesture.x, at.y - gesture.y];
    this.gesture = { ...gesture, ...at };
    if (gesture.kind === "pan") this.viewport.panBy(dx, dy);
    else this.setWindow(windowOf(this.window.level - dy / 2, this.window.width + dx, this.reach));
  }

  private pinch(pointer: number, at: { x: number; y: number }): void {
    const before = this.fingers.get(pointer);
    const other = [...this.fingers].find(([id]) => id !== pointer)?.[1];
    if (!before || !other) return;
    this.fingers.set(pointer, at);
    const spread = Math.hypot(at.x - other.x, at.y - other.y);
    const spreadBefore = Math.hypot(before.x - other.x, before.y - other.y);
    this.viewport.panBy((at.x - before.x) / 2, (at.y - before.y) / 2);
    if (spreadBefore > 0) {
      const zoom = (this.viewport.zoom() * spread) / spreadBefore;
      this.viewport.zoomTo(zoom, (at.x + other.x) / 2, (at.y + other.y) / 2);
    }
  }

  private onUp(event: PointerEvent): void {
    this.fingers.delete(event.pointerId);
    const { gesture } = this;
    if (!gesture) return;
    if (gesture.kind === "pinch" ? this.fingers.size > 0 : gesture.pointer !== event.pointerId) return;
    this.gesture = null;
    if (gesture.kind !== "user") return;
    if (event.type === "pointercancel") this.user?.cancel();
    else this.user?.up(this.pointed(event));
  }
}
