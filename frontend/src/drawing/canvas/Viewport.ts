/** Which part of the scan is seen, and how large. */

import type { Stage } from "konva/lib/Stage";

import type { Size } from "../shapes";

const LARGEST_ZOOM = 32;
/** Around a scan that is shown whole, in pixels of the screen. */
const MARGIN_PX = 12;

export class Viewport {
  private fitted = true;

  constructor(
    private readonly stage: Stage,
    private readonly size: Size,
    /** Called after each change. */
    private readonly onChange: (zoom: number) => void,
  ) {}

  /** Pixels of the screen per pixel of the scan. */
  zoom = (): number => this.stage.scaleX();

  /** The place on the scan at a place of the canvas. */
  toScan(x: number, y: number): { x: number; y: number } {
    return { x: (x - this.stage.x()) / this.zoom(), y: (y - this.stage.y()) / this.zoom() };
  }

  /** Shows the whole scan, in the middle. */
  fit(): void {
    this.fitted = true;
    const zoom = this.fittingZoom();
    this.place(
      zoom,
      (this.stage.width() - zoom * this.size.width) / 2,
      (this.stage.height() - zoom * this.size.height) / 2,
    );
  }

  /** The canvas has another size: what was fitted is fitted again. */
  resize(width: number, height: number): void {
    this.stage.size({ width, height });
    if (this.fitted) this.fit();
    else this.panBy(0, 0);
  }

  /** Zooms so that the place of the canvas shows the same part of the scan; its middle where none is given. */
  zoomTo(zoom: number, x = this.stage.width() / 2, y = this.stage.height() / 2): void {
    const least = Math.min(this.fittingZoom(), 1) / 2;
    const next = Math.min(Math.max(zoom, least), LARGEST_ZOOM);
    const at = this.toScan(x, y);
    this.fitted = false;
    this.place(next, x - at.x * next, y - at.y * next);
  }

  panBy(dx: number, dy: number): void {
    this.fitted &&= dx === 0 && dy === 0;
    this.place(this.zoom(), this.stage.x() + dx, this.stage.y() + dy);
  }

  /** Moves or zooms by a key (`event.key`); false for keys that do neither. */
  moveByKey(key: string): boolean {
    const moves: Record<string, () => void> = {
      "+": () => this.zoomTo(this.zoom() * 1.25),
      "=": () => this.zoomTo(this.zoom() * 1.25),
      "-": () => this.zoomTo(this.zoom() * 0.8),
      "0": () => this.fit(),
      ArrowLeft: () => this.panBy(40, 0),
      ArrowRight: () => this.panBy(-40, 0),
      ArrowUp: () => this.panBy(0, 40),
      ArrowDown: () => this.panBy(0, -40),
    };
    moves[key]?.();
    return key in moves;
  }

  /** What is seen, for `show` of another viewport: zoom, and the middle as shares of the scan's size. */
  get view(): { x: number; y: number; zoom: number } {
    const middle = this.toScan(this.stage.width() / 2, this.stage.height() / 2);
    return {
      x: middle.x / this.size.width,
      y: middle.y / this.size.height,
      zoom: this.zoom() / this.fittingZoom(),
    };
  }

  show({ x, y, zoom }: { x: number; y: number; zoom: number }): void {
    const scale = zoom * this.fittingZoom();
    this.fitted = false;
    this.place(
      scale,
      this.stage.width() / 2 - x * this.size.width * scale,
      this.stage.height() / 2 - y * this.size.height * scale,
    );
  }

  private fittingZoom(): number {
    return Math.max(
      Math.min(
        (this.stage.width() - 2 * MARGIN_PX) / this.size.width,
        (this.stage.height() - 2 * MARGIN_PX) / this.size.height,
      ),
      0.05,
    );
  }

  /** Keeps at least a corner of the scan in sight. */
  private place(zoom: number, x: number, y: number): void {
    const kept = 48;
    const [width, height] = [zoom * this.size.width, zoom * this.size.height];
    this.stage.scale({ x: zoom, y: zoom });
    this.stage.position({
      x: Math.min(Math.max(x, kept - width), this.stage.width() - kept),
      y: Math.min(Math.max(y, kept - height), this.stage.height() - kept),
    });
    this.stage.batchDraw();
    this.onChange(zoom);
  }
}
