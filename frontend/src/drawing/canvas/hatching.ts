/** Findings on a scan: hatched, so that neither heat nor what readers draw looks like them. */

import { Shape as Node } from "konva/lib/Shape";

import type { FindingLook } from "../../common/findings";
import type { Size } from "../plane";
import { type Cells, type Rings, ringsOf } from "../tracing";

const TILE = 8;
/** Pixels of a tile per pixel of the screen, so that it is sharp on fine screens. */
const FINENESS = 2;
const HALO = "rgba(0, 0, 0, 0.7)";

/** The kinds of findings of a map, in the order of its values, each hatched in its own way; ask again when the map changes. */
export function findingNodes(
  map: ImageData,
  looks: readonly FindingLook[],
  size: Size,
  zoom: () => number,
): Node[] {
  const cells: Cells = {
    values: map.data.filter((_, at) => at % 4 === 0),
    columns: map.width,
    rows: map.height,
  };
  return looks.flatMap(({ colour, hatch }, index) => {
    const rings = ringsOf(cells, index + 1);
    return rings.length > 0 ? [hatchedNode(rings, cells, size, colour, hatch, zoom)] : [];
  });
}

function hatchedNode(
  rings: Rings,
  { columns, rows }: Cells,
  { width, height }: Size,
  colour: string,
  hatch: string,
  zoom: () => number,
): Node {
  const tile = tileOf(colour, hatch);
  return new Node({
    listening: false,
    perfectDrawEnabled: false,
    sceneFunc: (context) => {
      const scale = zoom();
      context.beginPath();
      for (const ring of rings) {
        for (let at = 0; at < ring.length; at += 2) {
          const [x, y] = [(ring[at]! * width) / columns, (ring[at + 1]! * height) / rows];
          if (at === 0) context.moveTo(x, y);
          else context.lineTo(x, y);
        }
        context.closePath();
      }
      const pattern = context._context.createPattern(tile, "repeat");
      if (pattern) {
        // As dense at every zoom.
        pattern.setTransform(new DOMMatrix().scale(1 / (FINENESS * scale)));
        context._context.fillStyle = pattern;
        context.fill("evenodd");
      }
      context.lineJoin = "round";
      for (const [line, thickness] of [[HALO, 3.5] as const, [colour, 1.5] as const]) {
        context.strokeStyle = line;
        context.lineWidth = thickness / scale;
        context.stroke();
      }
    },
  });
}

function tileOf(colour: string, hatch: string): HTMLCanvasElement {
  const tile = document.createElement("canvas");
  tile.width = tile.height = TILE * FINENESS;
  const context = tile.getContext("2d")!;
  context.scale(FINENESS, FINENESS);
  context.lineCap = "round";
  for (const [line, thickness] of [[HALO, 2] as const, [colour, 1] as const]) {
    context.strokeStyle = line;
    context.lineWidth = thickness;
    context.stroke(new Path2D(hatch));
  }
  return tile;
}
