/** The layers of the canvas that show shapes: outlines of the model and of others, the reader's shapes, the one in hand. */

import { Layer } from "konva/lib/Layer";
import type { Shape as Node } from "konva/lib/Shape";
import type { Stage } from "konva/lib/Stage";

import type { Annotation, Region } from "../../api/types";
import { type Drawn, finished } from "../draft";
import { handlesOf } from "../editing";
import { shapeOf } from "../merge";
import { type Geometry, KINDS, measureOf } from "../kinds";
import type { Scale } from "../plane";
import type { Shape } from "../shapes";
import { colourOf, OTHERS_COLOUR, REGION_COLOUR, SELECTED_COLOUR } from "./colours";
import { crossNode, geometryNode, handlesNode, type LineStyle } from "./nodes";

/** What is selected or being drawn: it is drawn anew at each move of the pointer. */
export interface InHand {
  /** The selected shape with its place in the list, as it looks while it is changed; null without one. */
  selected: { shape: Shape; index: number } | null;
  /** Whether the selected shape has handles, and which of its vertices is chosen. */
  hasHandles: boolean;
  vertex: number | null;
  /** The shape that is being drawn. */
  drawn: Drawn | null;
  /** The cross that arrow keys move. */
  cursor: { x: number; y: number } | null;
}

export class ShapeLayers {
  private readonly below = new Layer({ listening: false });
  private readonly resting = new Layer({ listening: false });
  private readonly inHand = new Layer({ listening: false });
  /** The node of each shape, with the place in the list that its tag names. */
  private readonly nodes = new Map<Shape, { node: Node; index: number }>();
  private scale: Scale = { micrometres_x: null, micrometres_y: null };

  constructor(
    stage: Stage,
    /** Pixels of the screen per pixel of the scan. */
    private readonly zoom: () => number,
  ) {
    stage.add(this.below, this.resting, this.inHand);
  }

  destroy(): void {
    for (const layer of [this.below, this.resting, this.inHand]) layer.destroy();
  }

  /** Sets the size of a pixel, in which calipers measure. `showShapes` then draws all shapes anew. */
  setScale(scale: Scale): void {
    this.scale = scale;
    for (const { node } of this.nodes.values()) node.destroy();
    this.nodes.clear();
  }

  /** Outlines what the model looked at and what others drew. */
  showBelow(regions: readonly Region[], others: readonly Annotation[]): void {
    this.below.destroyChildren();
    for (const region of regions) {
      const style = { colour: REGION_COLOUR, thickness: 1.5, dash: [6, 4] };
      this.below.add(this.node({ kind: "polygon", points: region.polygon.flat() }, style));
    }
    for (const annotation of others) {
      const shape = shapeOf(annotation);
      const tag = [annotation.creator_name, annotation.label].filter(Boolean).join(": ");
      const style = { colour: OTHERS_COLOUR, thickness: 1.5, dash: [2, 3], tag };
      if (shape) this.below.add(this.node(shape.geometry, style));
    }
    this.below.batchDraw();
  }

  /** Draws the reader's shapes, of which those that have not changed keep their nodes; the selected one is in hand. */
  showShapes(shapes: readonly Shape[], selected: string | null): void {
    const stays = new Set(shapes);
    for (const [shape, shown] of this.nodes) {
      if (stays.has(shape)) continue;
      shown.node.destroy();
      this.nodes.delete(shape);
    }
    shapes.forEach((shape, index) => {
      let shown = this.nodes.get(shape);
      if (shown?.index !== index) {
        shown?.node.destroy();
        shown = { node: this.node(shape.geometry, this.styleOf(shape, index)), index };
        this.nodes.set(shape, shown);
        this.resting.add(shown.node);
      }
      shown.node.visible(shape.key !== selected);
    });
    this.resting.batchDraw();
  }

  showInHand({ selected, hasHandles, vertex, drawn, cursor }: InHand): void {
    this.inHand.destroyChildren();
    if (selected) {
      const { shape, index } = selected;
      const style = { ...this.styleOf(shape, index), colour: SELECTED_COLOUR, thickness: 2.5 };
      this.inHand.add(this.node(shape.geometry, style));
      if (hasHandles) this.inHand.add(handlesNode(handlesOf(shape.geometry), vertex, this.zoom));
    }
    if (drawn) this.addDrawn(drawn);
    if (cursor) this.inHand.add(crossNode(cursor.x, cursor.y, this.zoom));
    this.inHand.batchDraw();
  }

  private addDrawn(drawn: Drawn): void {
    const style: LineStyle = { colour: SELECTED_COLOUR, thickness: 2 };
    const { drawnBy } = KINDS[drawn.tool];
    if (drawnBy === "corners" || drawnBy === "line") {
      const points = drawnBy === "corners" ? [...drawn.points, drawn.x, drawn.y] : drawn.points;
      if (points.length >= 4) this.inHand.add(this.node({ kind: "freehand", points, closed: false }, style));
      if (drawnBy === "corners") {
        const handles = handlesOf({ kind: "freehand", points: drawn.points, closed: false });
        const vertices = handles.filter(({ role }) => role === "vertex");
        this.inHand.add(handlesNode(vertices, null, this.zoom));
      }
      return;
    }
    const geometry = finished(drawn);
    if (geometry) this.inHand.add(this.node(geometry, { ...style, tag: measureOf(geometry, this.scale) }));
  }

  private styleOf({ geometry, label }: Shape, index: number): LineStyle {
    const tag = [`${index + 1}`, label, measureOf(geometry, this.scale)].filter(Boolean).join(" · ");
    return { colour: colourOf(label), thickness: 2, filled: true, tag };
  }

  private node(geometry: Geometry, style: LineStyle): Node {
    return geometryNode(geometry, style, this.zoom);
  }
}
