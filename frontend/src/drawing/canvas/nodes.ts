/** Canvas nodes that draw shapes, with lines of the same thickness at every zoom. */

import type { Context } from "konva/lib/Context";
import { Shape as Node } from "konva/lib/Shape";

import type { Handle } from "../editing";
import { outlineOf } from "../outline";
import { boundsOf, type Geometry } from "../shapes";

export interface LineStyle {
  colour: string;
  /** Thickness of the line in pixels of the screen. */
  thickness: number;
  dash?: number[];
  filled?: boolean;
  /** Stands at the shape's upper left corner. */
  tag?: string;
}

const TAG_FONT = "600 12px system-ui, sans-serif";
const POINT_SIZE = 7;
const HALO = "rgba(0, 0, 0, 0.75)";

/** Draws a geometry; ask for `geometryNode` again when it changes. */
export function geometryNode(geometry: Geometry, style: LineStyle, zoom: () => number): Node {
  return new Node({
    listening: false,
    perfectDrawEnabled: false,
    sceneFunc: (context) => drawGeometry(context, geometry, style, zoom()),
  });
}

/** Draws the handles of a shape, the chosen one in another colour. */
export function handlesNode(handles: Handle[], chosen: number | null, zoom: () => number): Node {
  return new Node({
    listening: false,
    perfectDrawEnabled: false,
    sceneFunc: (context) => {
      const scale = zoom();
      context.lineWidth = 1.5 / scale;
      handles.forEach(({ x, y, role }, index) => {
        const half = (role === "vertex" ? 5 : 3.5) / scale;
        context.beginPath();
        if (role === "vertex") context.rect(x - half, y - half, 2 * half, 2 * half);
        else context.arc(x, y, half, 0, 2 * Math.PI, false);
        context.fillStyle =
          index === chosen ? "#ffd43b" : role === "vertex" ? "#fff" : "rgba(255,255,255,.6)";
        context.strokeStyle = "#000";
        context.fill();
        context.stroke();
      });
    },
  });
}

/** Draws the cross that arrow keys move. */
export function crossNode(x: number, y: number, zoom: () => number): Node {
  return new Node({
    listening: false,
    sceneFunc: (context) => {
      const scale = zoom();
      for (const [colour, thickness] of [[HALO, 4] as const, ["#ffd43b", 1.5] as const]) {
        context.strokeStyle = colour;
        context.lineWidth = thickness / scale;
        context.beginPath();
        context.moveTo(x - 16 / scale, y);
        context.lineTo(x + 16 / scale, y);
        context.moveTo(x, y - 16 / scale);
        context.lineTo(x, y + 16 / scale);
        context.stroke();
      }
    },
  });
}

function drawGeometry(context: Context, geometry: Geometry, style: LineStyle, zoom: number): void {
  const { points, closed } = outlineOf(geometry);
  context.beginPath();
  if (geometry.kind === "ellipse") {
    context.ellipse(geometry.x, geometry.y, geometry.rx, geometry.ry, 0, 0, 2 * Math.PI);
  } else if (geometry.kind === "point") {
    const size = POINT_SIZE / zoom;
    context.moveTo(geometry.x - size, geometry.y);
    context.lineTo(geometry.x + size, geometry.y);
    context.moveTo(geometry.x, geometry.y - size);
    context.lineTo(geometry.x, geometry.y + size);
  } else {
    context.moveTo(points[0]!, points[1]!);
    for (let index = 2; index < points.length; index += 2) context.lineTo(points[index]!, points[index + 1]!);
    if (closed) context.closePath();
    if (geometry.kind === "caliper") drawEnds(context, geometry, 6 / zoom);
  }
  if (style.filled && closed) {
    context.globalAlpha = 0.12;
    context.fillStyle = style.colour;
    // A place that the line goes round twice lies outside, as where areas are measured and exported.
    context.fill("evenodd");
    context.globalAlpha = 1;
  }
  context.lineJoin = "round";
  context.setLineDash([]);
  // A dark line below keeps the colour readable on bright and on dark tissue.
  context.strokeStyle = HALO;
  context.lineWidth = (style.thickness + 2) / zoom;
  context.stroke();
  context.setLineDash((style.dash ?? []).map((length) => length / zoom));
  context.strokeStyle = style.colour;
  context.lineWidth = style.thickness / zoom;
  context.stroke();
  context.setLineDash([]);
  if (style.tag) drawTag(context, geometry, style.tag, style.colour, zoom);
}

function drawEnds(
  context: Context,
  { x1, y1, x2, y2 }: { x1: number; y1: number; x2: number; y2: number },
  size: number,
): void {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [across, down] = [(-(y2 - y1) / length) * size, ((x2 - x1) / length) * size];
  for (const [x, y] of [[x1, y1] as const, [x2, y2] as const]) {
    context.moveTo(x - across, y - down);
    context.lineTo(x + across, y + down);
  }
}

function drawTag(context: Context, geometry: Geometry, tag: string, colour: string, zoom: number): void {
  const { x, y } = boundsOf(geometry);
  context.save();
  context.translate(x, y);
  context.scale(1 / zoom, 1 / zoom);
  context.font = TAG_FONT;
  const width = context.measureText(tag).width + 10;
  context.fillStyle = "rgba(0, 0, 0, 0.72)";
  context.fillRect(0, -20, width, 18);
  context.fillStyle = colour;
  context.textBaseline = "middle";
  context.fillText(tag, 5, -10.5);
  context.restore();
}
